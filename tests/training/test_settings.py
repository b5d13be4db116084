"""Settings of a run that change what is built or how long it runs: initial weights, frozen parts, debugging."""

import csv
import json
from pathlib import Path

import pytest
import torch
from torch import Tensor

from avseg.config.compose import compose_train
from avseg.config.schema import TrainConfig
from avseg.data.setting import find_setting
from avseg.models.avs.module import AVSModule
from avseg.nn.normalise import normalise
from avseg.runs import run_hash
from avseg.training.build import DataFacts, build_data, build_model
from avseg.training.initialise import initialise, source_checkpoint
from avseg.training.load import load_clip_model
from tests.runs_for_tests import SMALL, Command, avseg


def config_of(*overrides: str) -> TrainConfig:
    return compose_train([*SMALL, *overrides])


def build_from(config: TrainConfig) -> AVSModule:
    model = build_model(config, DataFacts(find_setting(config.data.setting)))
    assert isinstance(model, AVSModule)
    return model


def built(*overrides: str) -> AVSModule:
    """The model as a training run makes it, before the first step."""
    config = config_of(*overrides)
    torch.manual_seed(5)
    model = build_from(config)
    initialise(model, config, source_checkpoint(config))
    return model


def train(ms3_root: Path, outputs: Path, *words: str) -> Command:
    settings = [f"data.root={ms3_root}", f"paths.outputs={outputs}", "callbacks=none"]
    done = avseg(["train", *SMALL, *settings, *words], outputs)
    assert done.code == 0, done.err
    return done


def epochs(run: Path) -> list[dict[str, str]]:
    with (run / "metrics.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def equal(one: dict[str, Tensor], other: dict[str, Tensor]) -> set[str]:
    """The names of the tensors that are equal in both, counters of BatchNorm left out."""
    names = {name for name in one.keys() & other.keys() if not name.endswith("num_batches_tracked")}
    return {name for name in names if one[name].shape == other[name].shape and torch.equal(one[name], other[name])}


def parameters(model: AVSModule) -> set[str]:
    return {name for name in model.state_dict() if not name.endswith("num_batches_tracked")}


def test_weights_of_another_run_are_the_start(trained: Command) -> None:
    other = load_clip_model(trained.run).state_dict()
    model = built("init=checkpoint", f"init.checkpoint={trained.run}")
    assert equal(model.state_dict(), other) == parameters(model)
    assert equal(built().state_dict(), other) < parameters(model)


def test_only_weights_that_fit_are_taken(trained: Command) -> None:
    """From a model with TPAVI on all stages to one with TPAVI on two, of another number of classes."""
    other = load_clip_model(trained.run).state_dict()
    words = ("data=toy_avss", "data.image_size=32", "fusion=stages_34")
    model, scratch = built(*words, "init=checkpoint", f"init.checkpoint={trained.run}"), built(*words)
    state = model.state_dict()
    # the last convolution has 71 maps instead of 1; the rest is read
    unfit = {name for name in parameters(model) if name not in other or other[name].shape != state[name].shape}
    assert unfit == {name for name in parameters(model) if "head.4" in name}
    assert equal(state, other) == parameters(model) - unfit
    assert unfit <= equal(state, scratch.state_dict())


@pytest.mark.slow
def test_training_goes_on_from_them(trained: Command, ms3_root: Path, tmp_path: Path) -> None:
    start = ("init=checkpoint", f"init.checkpoint={trained.run}", "trainer.max_epochs=1")
    fine = train(ms3_root, tmp_path / "fine", *start)
    assert "-checkpoint-" in fine.run.parent.name
    first, scratch = epochs(fine.run)[0], epochs(trained.run)
    assert float(first["train/loss"]) < float(scratch[0]["train/loss"])
    # a start without a step scores what the other run scored
    still = train(ms3_root, tmp_path / "still", *start, "optimizer.lr=0")
    weights, other = load_clip_model(still.run).state_dict(), load_clip_model(trained.run).state_dict()
    changed = parameters(load_clip_model(still.run)) - equal(weights, other)
    assert all("running_" in name for name in changed)  # BatchNorm goes on counting


def test_the_source_is_part_of_the_name(trained: Command) -> None:
    one = config_of("init=checkpoint", "init.checkpoint=a")
    assert run_hash(one) != run_hash(config_of("init=checkpoint", "init.checkpoint=b"))


def test_no_source(ms3_root: Path, tmp_path: Path) -> None:
    for words, told in ((["init=checkpoint"], "init.checkpoint"), (["init.checkpoint=nowhere"], "nowhere")):
        settings = [f"data.root={ms3_root}", f"paths.outputs={tmp_path}/out", "init=checkpoint"]
        done = avseg(["train", *SMALL, *settings, *words])
        assert done.code == 2
        assert told in done.err
        assert len(done.err.strip().splitlines()) == 1


def test_one_batch(ms3_root: Path, tmp_path: Path) -> None:
    done = train(ms3_root, tmp_path, "debug=one_batch")
    (epoch,) = epochs(done.run)
    assert epoch["step"] == "1"
    assert json.loads((done.run / "result.json").read_text())["clips"] == 3


@pytest.mark.slow
def test_overfit_repeats_two_batches(ms3_root: Path, tmp_path: Path, recwarn: pytest.WarningsRecorder) -> None:
    done = train(ms3_root, tmp_path, "debug=overfit", "trainer.max_epochs=12", "optimizer.lr=0.01")
    rows = epochs(done.run)
    assert [int(row["step"]) for row in rows] == list(range(2, 26, 2))
    assert not [warning for warning in recwarn if "overfit" in str(warning.message)]  # it was asked for
    assert float(rows[-1]["train/mask_loss"]) < 0.6 * float(rows[0]["train/mask_loss"])


@pytest.mark.parametrize("debug", ["limit", "profile"])
def test_the_other_debugging_options_compose(debug: str) -> None:
    assert config_of(f"debug={debug}").trainer != config_of().trainer


@pytest.fixture(scope="module")
def vggish_model(ms3_root: Path) -> AVSModule:
    return built("audio=vggish", "audio.weights=random", f"data.root={ms3_root}")


def test_vggish_is_frozen(vggish_model: AVSModule, ms3_root: Path) -> None:
    """It stays in evaluation mode, no gradient reaches it, and the optimizer never sees it."""
    vggish_model.train()
    assert vggish_model.net.training
    assert not any(module.training for module in vggish_model.audio_encoder.modules())
    data = build_data(config_of("audio=vggish", "audio.weights=random", f"data.root={ms3_root}"))
    clip = data.dataset("train")[0]
    vggish_model.loss(vggish_model(clip), clip).total.backward()
    assert all(parameter.grad is None for parameter in vggish_model.audio_encoder.parameters())
    assert vggish_model.net.tpavi["1"].align_channel.weight.grad is not None
    held = {
        id(parameter) for group in vggish_model.configure_optimizers().param_groups for parameter in group["params"]
    }
    assert not held & {id(parameter) for parameter in vggish_model.audio_encoder.parameters()}
    assert held == {id(parameter) for parameter in vggish_model.net.parameters() if parameter.requires_grad}


def test_vggish_embeds_the_sound(vggish_model: AVSModule, ms3_root: Path) -> None:
    """Its embedding is what TPAVI gets, also where it was computed before."""
    data = build_data(config_of("audio=vggish", "audio.weights=random", f"data.root={ms3_root}"))
    clip = data.dataset("train")[0]
    vggish_model.eval()
    with torch.no_grad():
        embedding = vggish_model.audio_encoder(clip.sound)
        assert embedding.shape == (1, 5, 128)
        expected = vggish_model.net(normalise(clip.frames), embedding).logits
        assert torch.equal(vggish_model(clip).logits, expected)


def test_mel_with_a_trainable_net_is_trained() -> None:
    model = built("audio.hidden=16").train()
    trained = [name for name, p in model.audio_encoder.named_parameters() if p.requires_grad]
    assert len(trained) == 4
    assert model.audio_encoder.training
    held = sum(len(group["params"]) for group in model.configure_optimizers().param_groups)
    assert held == sum(p.requires_grad for p in model.parameters())
