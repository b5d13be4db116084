"""AAVS in training: its loss, the two phases, the AVSS form with a first stage, and the commands around them."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from avseg.config.compose import compose_train
from avseg.data.clip import Clip
from avseg.data.setting import SETTINGS
from avseg.models.aavs.adapters import swin_adapters
from avseg.models.aavs.module import AAVSModule
from avseg.models.aavs.weights import to_official
from avseg.training.build import DataFacts, build_model
from avseg.training.load import load_model
from avseg.utils.errors import UserError
from tests.data.fake import make_avss, make_ms3
from tests.runs_for_tests import Command, avseg
from tests.training.test_processes import command, compare

WORDS = [
    "model=toy_aavs",
    "model.network=tiny",
    "model.warmup_share=0.5",
    "optimizer.lr=3.0e-4",
    "model.queries=4",
    "data.image_size=32",
    "data.batch_size=3",
]
QUIET = ["data.num_workers=0", "trainer.enable_progress_bar=false", "callbacks=none"]


def module(setting: str, *words: str) -> AAVSModule:
    config = compose_train([*WORDS, f"data=toy_{setting}", *words])
    torch.manual_seed(0)
    model = build_model(config, DataFacts(SETTINGS[setting]))
    assert isinstance(model, AAVSModule)
    return model


def batch(model: AAVSModule, clips: int, first_alone: bool = False) -> Clip:
    length = model.clip_length
    frames = torch.randint(0, 256, (clips, length, 3, 32, 32), dtype=torch.uint8)
    annotated = torch.ones(clips, length, dtype=torch.bool)
    annotated[:, 1:] = not first_alone
    assert model.frontend is not None
    return Clip(
        frames=frames,
        sound=torch.rand(clips, length, *model.frontend.shape),
        masks=(frames[:, :, 0] > 128).to(torch.uint8),
        annotated=annotated,
        valid=torch.ones(clips, length, dtype=torch.bool),
        video_id=[str(index) for index in range(clips)],
        category=[""] * clips,
        index=torch.arange(clips),
    )


def part(clip: Clip, position: int) -> Clip:
    def rows(tensor: torch.Tensor) -> torch.Tensor:
        return tensor[position : position + 1]

    return replace(
        clip,
        frames=rows(clip.frames),
        sound=rows(clip.sound),
        masks=rows(clip.masks),
        annotated=rows(clip.annotated),
        valid=rows(clip.valid),
        index=rows(clip.index),
        video_id=clip.video_id[position : position + 1],
        category=clip.category[position : position + 1],
    )


def total(model: AAVSModule, clip: Clip) -> torch.Tensor:
    return model.loss(model.forward_training(clip), clip).total


def test_the_loss_is_the_mean_over_the_clips_whatever_the_batch() -> None:
    model = module("ms3")
    clip = batch(model, 2)
    alone = [total(model, part(clip, position)).item() for position in range(2)]
    assert total(model, clip).item() == pytest.approx(sum(alone) / 2, rel=1e-5)


def test_a_silent_clip_counts_as_zero_and_keeps_the_graph() -> None:
    model = module("ms3")
    clip = batch(model, 1)
    clip.masks.zero_()
    loss = total(model, clip)
    loss.backward()
    assert loss.item() == 0
    assert model.net.audio_proj[0].weight.grad is not None


def test_every_trained_weight_gets_a_gradient() -> None:
    model = module("ms3")
    total(model, batch(model, 1)).backward()
    missing = [name for name, weight in model.named_parameters() if weight.requires_grad and weight.grad is None]
    assert not missing


def test_s4_trains_the_first_frame_with_every_sound() -> None:
    model = module("s4").train()
    clip = batch(model, 1, first_alone=True)
    before = total(model, clip).item()
    changed = replace(clip, frames=clip.frames.clone(), sound=clip.sound.clone())
    changed.frames[:, 1:] = 0
    assert total(model, changed).item() == pytest.approx(before, rel=1e-6)
    changed.sound[:, 4] = 0
    assert total(model, changed).item() != pytest.approx(before, rel=1e-6)
    repeated = replace(
        clip, frames=clip.frames[:, :1].expand_as(clip.frames), masks=clip.masks[:, :1].expand_as(clip.masks)
    )
    repeated.annotated = torch.ones_like(clip.annotated)
    other = module("ms3").train()
    other.load_state_dict(model.state_dict())
    assert total(other, repeated).item() == pytest.approx(before, rel=1e-5)


def test_the_f_score_reads_the_official_score() -> None:
    model = module("ms3").eval()
    clip = batch(model, 1)
    prediction = model(clip)
    assert prediction.graded is not None
    assert prediction.graded.shape == prediction.logits.shape
    # 2 s1 - s0 is the difference plus s1, which is not negative
    assert (prediction.graded >= prediction.logits - 1e-6).all()
    assert (prediction.graded > prediction.logits).any()


@pytest.fixture(scope="module")
def trained_aavs(ms3_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Command:
    """A run of one epoch in each phase."""
    outputs = tmp_path_factory.mktemp("aavs")
    words = ["train", *WORDS, *QUIET, f"data.root={ms3_root}", f"paths.outputs={outputs}", "trainer.max_epochs=2"]
    done = avseg(words, outputs)
    assert done.code == 0, done.err
    return done


def test_all_sounds_are_scored(trained_aavs: Command) -> None:
    result = json.loads((trained_aavs.run / "result.json").read_text())
    assert list(result["scores"]) == ["own", "silence", "noise", "other", "shuffled"]
    assert result["videos_per_group"] == 1


@pytest.mark.slow
def test_a_resumed_run_begins_the_second_phase_again(trained_aavs: Command, ms3_root: Path, tmp_path: Path) -> None:
    """Stopped at the end of the first phase: the second one starts from the best epoch, to the last digit."""
    words = ["train", *WORDS, *QUIET, f"data.root={ms3_root}", f"paths.outputs={tmp_path}", "trainer.max_epochs=2"]
    stop = "avseg.models.aavs.module.restart"
    with pytest.MonkeyPatch.context() as patch:

        def interrupt(*_: object) -> None:
            raise UserError("stopped here")

        patch.setattr(stop, interrupt)
        assert avseg(words, tmp_path).code == 2
    (run,) = tmp_path.glob("*/*/seed=*")
    state = torch.load(run / "checkpoints/last.ckpt", weights_only=True)["state_dict"]
    adapters = [value for name, value in state.items() if "fc2.adapter" in name]
    assert adapters
    assert not any(value.any() for value in adapters)  # zero in the first phase
    done = avseg(words, tmp_path)
    assert done.code == 0, done.err
    for name in ("metrics.csv", "per_clip.csv"):
        assert (done.run / name).read_text() == (trained_aavs.run / name).read_text(), name
    finished = torch.load(run / "checkpoints/last.ckpt", weights_only=True)
    assert any(value.any() for name, value in finished["state_dict"].items() if "fc2.adapter" in name)
    (optimizer,) = finished["optimizer_states"]
    assert optimizer["param_groups"][0]["lr"] == 3e-4  # 1e-3 in the first phase


def test_published_weights_become_a_checkpoint_and_come_back(tmp_path: Path) -> None:
    official, checkpoint, back = tmp_path / "a.safetensors", tmp_path / "a.ckpt", tmp_path / "b.safetensors"
    save_file(to_official(module("ms3").net), official)
    done = avseg(["convert", str(official), "--out", str(checkpoint), *WORDS, "data=toy_ms3"])
    assert done.code == 0, done.err
    done = avseg(["convert", str(checkpoint), "--out", str(back)])
    assert done.code == 0, done.err
    expected = load_file(official)
    assert load_file(back).keys() == expected.keys()
    assert all(torch.equal(tensor, expected[name]) for name, tensor in load_file(back).items())


def test_avss_needs_a_first_stage_and_the_others_none(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"needs the masks of a first stage; set model.stage1=RUN_OR_CHECKPOINT"):
        compose_train([*WORDS, "data=toy_avss"])
    with pytest.raises(UserError, match=r"model.stage1=x is read with the classes of AVSS alone"):
        compose_train([*WORDS, "model.stage1=x"])
    make_avss(tmp_path)
    words = ["data=toy_avss", f"data.root={tmp_path}", "model.stage1=/no/such/run", f"paths.outputs={tmp_path}/out"]
    done = avseg(["train", *WORDS, *words])
    assert done.code == 2
    assert "/no/such/run does not exist" in done.err


def test_avss_with_a_first_stage(trained_aavs: Command, tmp_path: Path) -> None:
    """Trains, scores all sounds; its checkpoint alone segments a clip, and its best epoch is loaded by that."""
    root = tmp_path / "avss"
    make_avss(root)
    stage1 = tmp_path / "stage1.ckpt"
    stage1.write_bytes((trained_aavs.run / "checkpoints/best.ckpt").read_bytes())
    words = ["train", *WORDS, *QUIET, "data=toy_avss", f"data.root={root}", f"model.stage1={stage1}"]
    done = avseg([*words, f"paths.outputs={tmp_path}/out", "trainer.max_epochs=1"], tmp_path / "out")
    assert done.code == 0, done.err
    stage1.unlink()
    model = load_model(done.run)
    assert isinstance(model, AAVSModule)
    first, source = model.stage1, load_model(trained_aavs.run)
    assert isinstance(first, AAVSModule)
    assert not first.training
    for name, value in source.state_dict().items():
        assert torch.equal(first.state_dict()[name], value), name
    clip = batch(model, 1)
    with torch.no_grad():
        masks = model._stage1_masks(model.encode(clip.frames).stage1, clip)
        assert torch.equal(masks, (source(clip).logits[:, :, 0] > 0).float())  # type: ignore[operator]
    probability = model.predict_clip(np.zeros((3, 48, 40, 3), np.uint8), np.zeros(3 * 16000, np.float32), 16000)
    assert probability.shape == (3, 48, 40)
    assert len(swin_adapters(model.net)) == 10


def test_a_first_stage_with_other_ears_is_refused(trained_aavs: Command, tmp_path: Path) -> None:
    make_avss(tmp_path)
    words = [*WORDS, "data=toy_avss", f"data.root={tmp_path}", f"model.stage1={trained_aavs.run}", "audio.hidden=4"]
    done = avseg(["train", *words, f"paths.outputs={tmp_path}/out"])
    assert done.code == 2
    assert "choose the same audio group" in done.err


@pytest.mark.slow
def test_two_processes_train_as_one(tmp_path: Path) -> None:
    """Seven clips of batches of four, so that one process idles in the last step; both phases."""
    make_ms3(tmp_path / "data", {"train": 7, "val": 3, "test": 5})
    words = ["train", *WORDS, *QUIET, f"data.root={tmp_path}/data", "data.batch_size=4", "trainer.max_epochs=2"]
    # AdamW's first steps are lr times the sign of the gradient at its usual eps: rounding flips a few
    words.append("optimizer.options={eps: 0.01}")
    one = avseg([*words, f"paths.outputs={tmp_path}/one"], tmp_path / "one")
    assert one.code == 0, one.err
    done = command(*words, "trainer=ddp_cpu", f"paths.outputs={tmp_path}/two")
    assert done.returncode == 0, done.stderr
    (two,) = (tmp_path / "two").glob("*/*/seed=*")
    compare(one.run, two)
