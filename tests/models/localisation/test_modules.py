"""LVS and MSSL as Lightning modules: both training forms, both thresholds, labels, and mistakes in options."""

import gzip
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from avseg.config.compose import compose_train
from avseg.data.check.published import PUBLISHED
from avseg.data.clip import Clip
from avseg.data.setting import SETTINGS
from avseg.models.localisation.base import LocalisationModule
from avseg.models.localisation.frames import augment, training_frames
from avseg.models.localisation.scores import LocalisationScores, above_half, map_logits, upper_half
from avseg.models.mssl.config import S4_CATEGORIES
from avseg.models.mssl.labels import PredictedLabels
from avseg.models.mssl.module import MSSLModule
from avseg.training.build import DataFacts, build_model
from avseg.utils.errors import UserError
from tests.runs_for_tests import avseg

SMALL = ["data.image_size=32", "model.width=2", "model.input_size=32", "model.sound_seconds=1"]


def build(model: str, *words: str, setting: str = "s4") -> LocalisationModule:
    torch.manual_seed(0)
    config = compose_train([f"model=toy_{model}", f"data=toy_{setting}", *SMALL, *words])
    module = build_model(config, DataFacts(SETTINGS[setting]))
    assert isinstance(module, LocalisationModule)
    module.log = lambda *_, **__: None  # type: ignore[method-assign]  # no trainer
    module.log_dict = lambda *_, **__: None  # type: ignore[method-assign]
    return module


def clip_for(module: LocalisationModule, batch: int = 3) -> Clip:
    assert module.frontend is not None
    frames = torch.randint(0, 256, (batch, 5, 3, 32, 32), dtype=torch.uint8)
    annotated = torch.zeros(batch, 5, dtype=torch.bool)
    annotated[:, 0] = True
    annotated[1] = True
    leading = (batch, 5) if module.frontend.per_frame else (batch,)
    return Clip(
        frames=frames,
        sound=torch.randn(*leading, *module.frontend.shape),
        masks=(frames[:, :, 0] > 128).to(torch.uint8),
        annotated=annotated,
        valid=torch.ones(batch, 5, dtype=torch.bool),
        video_id=list("abc"[:batch]),
        category=["red_disk", "blue_cross", "red_disk"][:batch],
        index=torch.arange(batch),
    )


@pytest.mark.parametrize("model", ["lvs", "mssl"])
@pytest.mark.parametrize("form", ["self_supervised", "supervised"])
@pytest.mark.parametrize("scope", ["clip", "second"])
def test_every_form_trains_and_localises(model: str, form: str, scope: str) -> None:
    words = [f"model.training={form}", f"model.sound_scope={scope}", "model.augment=true"]
    module = build(model, *words, *(["model.coarse_epochs=0"] if model == "mssl" else []))
    clip = clip_for(module)
    module.train()
    module.training_step(clip, 0).backward()
    # all masks are used, or none
    without = module.loss(module.forward_training(clip), clip)
    assert ("mask_loss" in without.terms) == (form == "supervised")
    missing = [name for name, weight in module.net.named_parameters() if weight.grad is None]  # type: ignore[union-attr]
    assert missing == []
    module.eval()
    prediction = module(clip)
    assert prediction.logits.shape == (3, 5, 1, 32, 32)
    assert prediction.logits.isfinite().all()
    other = module(replace(clip, sound=clip.sound.flip(0)))
    assert not torch.equal(other.logits, prediction.logits)


@pytest.mark.parametrize("model", ["lvs", "mssl"])
def test_masks_do_not_reach_the_self_supervised_form(model: str) -> None:
    module = build(model)
    clip = clip_for(module)
    losses: list[Tensor] = []
    for masks in (clip.masks, 1 - clip.masks):
        torch.manual_seed(3)
        losses.append(module.loss(module.forward_training(clip), replace(clip, masks=masks)).total)
    assert torch.equal(losses[0], losses[1])


def test_the_supervised_form_sees_each_annotated_frame_with_its_own_sound() -> None:
    module = build("lvs", "model.training=supervised", "model.sound_scope=clip").eval()
    clip = clip_for(module)
    training = module.forward_training(clip).extra
    frames = training_frames(clip, labelled=True)
    assert frames.clips.tolist() == [0, 1, 1, 1, 1, 1, 2]
    assert len(frames.paired) == 3
    expected = module(clip).logits[clip.annotated]
    stretched = module.localise(
        module.encode_images(module.images(frames.frames)), module.encode_sounds(clip.sound)[frames.clips], (32, 32)
    )
    torch.testing.assert_close(stretched, expected[:, 0])
    assert training.similarity.shape == (7, 2, 2)


def test_a_clip_without_a_usable_frame_is_left_out() -> None:
    module = build("lvs")
    clip = clip_for(module)
    clip.valid[0] = False
    frames = training_frames(clip, labelled=False)
    assert frames.clips.tolist() == [1, 2]
    assert frames.pair_of_frame().tolist() == [0, 1]


def test_augmentation_moves_masks_with_their_frames() -> None:
    torch.manual_seed(0)
    masks = torch.zeros(20, 30, 30, dtype=torch.uint8)
    masks[:, 5:15, 3:12] = 1
    frames = masks[:, None].expand(-1, 3, -1, -1) * 200
    moved, labels = augment(frames, masks, 1.1)
    assert moved.shape == frames.shape
    agree = ((moved[:, 0] > 100) == (labels > 0)).float().mean()
    assert agree > 0.97
    sides = labels[:, :, :15].sum((1, 2)) > labels[:, :, 15:].sum((1, 2))
    assert 3 < int(sides.sum()) < 17  # some are flipped


def test_the_upper_half_is_strictly_above_the_official_element() -> None:
    maps = torch.arange(16.0).view(1, 4, 4) / 16
    assert upper_half(maps).sum() == 7
    assert upper_half(torch.ones(1, 4, 4)).sum() == 0


def test_both_thresholds_are_scored() -> None:
    """The map is right above 0.3: J of the chosen threshold is 1, that of the official rule is not."""
    module = build("mssl", "model.coarse_epochs=0")
    clip = clip_for(module)
    clip.annotated[:] = True
    maps = torch.where(clip.masks > 0, 0.42, 0.2)
    module.val_scores.update(map_logits(maps)[:, :, None], clip)
    module.on_validation_epoch_end()
    assert 0.2 <= float(module.threshold) < 0.42
    scores = module.new_scores()
    scores.update(map_logits(maps)[:, :, None], clip)
    values = scores.compute()
    assert values["threshold_miou"] == pytest.approx(1, abs=1e-6)
    assert values["threshold_ciou"] == values["threshold_ciou_auc"] == 1
    assert values["miou"] == 0
    assert values["fscore"] > 0.99  # of the map, not of a mask
    assert values["ciou"] == 0
    module.test_result = {}
    masks = module.result([])["choices"]["masks"]  # type: ignore[index,call-overload]
    assert masks == {"J": "map above 0.5", "J, threshold of val": round(float(module.threshold), 2)}
    assert "threshold" in module.state_dict()


def test_ciou_uses_the_official_mask() -> None:
    scores = LocalisationScores(above_half, 0.9)
    module = build("lvs")
    clip = clip_for(module)
    clip.annotated[:] = True
    maps = torch.where(clip.masks > 0, 0.8, 0.1)
    scores.update(map_logits(maps)[:, :, None], clip)
    values = scores.compute()
    assert values["ciou"] == values["ciou_auc"] == 1
    assert values["threshold_miou"] < 0.5


def test_the_classes_of_mssl_are_the_published_categories_of_s4() -> None:
    assert PUBLISHED["s4"].categories == S4_CATEGORIES


def test_the_coarse_stage_has_neither_maps_nor_scores() -> None:
    module = build("mssl")
    assert isinstance(module, MSSLModule)
    clip = clip_for(module)
    terms = module.loss(module.forward_training(clip), clip).terms
    assert set(terms) == {"audio_class_loss", "image_class_loss", "pair_loss"}
    logged: dict[str, float] = {}
    module.log_dict = lambda values, **_: logged.update(values)  # type: ignore[method-assign]
    module.validation_step(clip, 0)
    module.on_validation_epoch_end()
    assert logged["val/miou"] == 0


def test_labels_of_ms3_are_predictions_of_an_s4_run(tmp_path: Path) -> None:
    source = build("mssl", "model.sound_scope=clip")
    file = tmp_path / "best.ckpt"
    torch.save({"state_dict": source.state_dict()}, file)
    words = [f"model.labels_from={file}", "model.coarse_epochs=0", "model.sound_scope=clip"]
    module = build("mssl", *words, setting="ms3")
    assert isinstance(module, MSSLModule)
    module.prepare_fit()
    clip = clip_for(module)
    clip.category[:] = ["", "", ""]
    training = module.forward_training(clip).extra
    sound, image = training.labels
    assert sound.amax(1).tolist() == image.amax(1).tolist() == [1.0, 1.0, 1.0]
    assert not any(name.startswith("_labeller") for name in module.state_dict())
    expected = source.net.eval().classify_audio(source.net.audio_encoder(clip.sound)).sigmoid()  # type: ignore
    torch.testing.assert_close(sound, expected / expected.amax(1, keepdim=True))
    with pytest.raises(UserError, match="not an MSSL of 3 classes"):
        PredictedLabels.read(file, 3, 2)


def test_a_run_on_ms3_learns_from_predicted_labels(ms3_root: Path, tmp_path: Path) -> None:
    file = tmp_path / "best.ckpt"
    torch.save({"state_dict": build("mssl").state_dict()}, file)
    words = ["train", "model=toy_mssl", "data=toy_ms3", f"data.root={ms3_root}", *SMALL, "model.coarse_epochs=0"]
    words += [f"paths.outputs={tmp_path}", "debug=one_batch", "trainer.enable_progress_bar=false", "callbacks=none"]
    done = avseg([*words, f"model.labels_from={tmp_path}/gone.ckpt"], tmp_path)
    assert done.code == 2
    assert "gone.ckpt" in done.err
    assert not list(tmp_path.glob("*/*/seed=*"))  # a mistake leaves nothing behind
    done = avseg([*words, f"model.labels_from={file}"], tmp_path)
    assert done.code == 0, done.err
    assert str(file) in gzip.decompress((done.run / "inputs.json.gz").read_bytes()).decode()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["model=mssl", "data=avsbench_ms3"], "has no categories; set model.labels_from"),
        (["model=mssl", "trainer.max_epochs=20"], "leaves no epoch behind model.coarse_epochs=20"),
        (["model=mssl", "data=avss"], "localises a sound without naming it"),
        (["model=lvs", "data=avss"], "localises a sound without naming it"),
        (["model=lvs", "audio=mel"], "does not read the group audio"),
        (["model=mssl", "model.categories=[a,a]"], "name each category of the data once"),
    ],
)
def test_a_mistake_is_one_line(words: list[str], message: str) -> None:
    with pytest.raises(UserError) as caught:
        compose_train(words)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_unknown_category_is_one_line() -> None:
    module = build("mssl")
    clip = clip_for(module)
    clip.category[0] = "helicopter"
    with pytest.raises(UserError, match=r"model\.categories lacks the category 'helicopter'"):
        module.forward_training(clip)


@pytest.mark.parametrize("model", ["lvs", "mssl"])
def test_several_processes_are_refused(model: str) -> None:
    with pytest.raises(UserError, match=r"train it in one process: trainer\.devices=1"):
        compose_train([f"model={model}"]).model.check_processes()


def test_the_published_recipes() -> None:
    lvs, mssl = compose_train(["model=lvs"]), compose_train(["model=mssl"])
    assert (lvs.data.batch_size, lvs.optimizer.target, lvs.optimizer.lr) == (256, "torch.optim.Adam", 1e-4)
    assert compose_train(["model=lvs", "model.training=supervised"]).data.batch_size == 32
    assert (mssl.data.batch_size, mssl.trainer.max_epochs, mssl.model.coarse_epochs) == (16, 40, 20)
    assert (mssl.optimizer.target, mssl.optimizer.lr, mssl.optimizer.weight_decay) == ("torch.optim.SGD", 1e-3, 5e-4)
    assert mssl.optimizer.options == {"momentum": 0.9}
    assert mssl.model.classes == 23
