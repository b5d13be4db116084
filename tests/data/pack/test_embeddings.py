"""Packed embeddings of a frozen encoder equal those of the clips' patches, for every sound, or are refused."""

from pathlib import Path
from typing import Any

import pytest
import torch

from avseg.data.avsbench.datamodule import AVSBenchDataModule
from avseg.data.avsbench.dataset import AVSBenchDataset
from avseg.data.pack import build_pack, reason_to_pack, weights_fingerprint
from avseg.data.pack.embeddings import Embedder
from avseg.utils.errors import UserError
from tests.data.modules import avsbench_module
from tests.data.pack.packs import FAKE_VGGISH, MAKERS, encode

WEIGHTS = FAKE_VGGISH.weights


def _module(root: Path, setting: str, **settings: Any) -> AVSBenchDataModule:
    return avsbench_module(root, setting, **{"batch_size": 2, **settings})


def _embedded(root: Path, setting: str = "ms3", **settings: Any) -> AVSBenchDataModule:
    return _module(root, setting, **{"packed_audio": "embeddings", "vggish": WEIGHTS, **settings})


def _pack(root: Path, setting: str = "ms3", embedder: Embedder | None = FAKE_VGGISH) -> Path:
    MAKERS[setting](root)
    for split in ("train", "val", "test"):
        build_pack(AVSBenchDataset(root, setting, split, 32), "fake", embedder=embedder)
    return root


@pytest.mark.parametrize("setting", MAKERS)
@pytest.mark.parametrize("seed", FAKE_VGGISH.seeds)
def test_embeddings_are_those_of_the_patches(tmp_path: Path, setting: str, seed: int) -> None:
    _pack(tmp_path, setting)
    packed, files = _embedded(tmp_path, setting, seed=seed), _module(tmp_path, setting, packed=False, seed=seed)
    packed.setup("fit")
    for loader in ("train_dataloader", "val_dataloader", "test_dataloader"):
        for clip, expected in zip(getattr(packed, loader)(), getattr(files, loader)(), strict=True):
            assert clip.sound.shape == (len(clip), packed.setting.clip_length, 128)
            torch.testing.assert_close(clip.sound, encode(expected.sound))
            assert torch.equal(clip.frames, expected.frames)
            assert list(clip.controls) == list(expected.controls)
            for name, sound in expected.controls.items():
                torch.testing.assert_close(clip.controls[name], encode(sound))
    assert set(clip.controls) == {"silence", "noise", "other", "shuffled"}


def test_plots_of_runs_still_read_patches(tmp_path: Path) -> None:
    _pack(tmp_path)
    assert _embedded(tmp_path).dataset("test")[0].sound.shape == (1, 5, 1, 96, 64)


def test_equal_sounds_have_equal_embeddings(tmp_path: Path) -> None:
    """Rounding must not reveal the sound of another clip."""
    _pack(tmp_path)
    clips = next(iter(_embedded(tmp_path, batch_size=3).test_dataloader()))
    own = {sound.numpy().tobytes() for sound in clips.sound.flatten(0, 1)}
    for name in ("other", "shuffled"):
        assert {sound.numpy().tobytes() for sound in clips.controls[name].flatten(0, 1)} <= own


def test_refusals(tmp_path: Path) -> None:
    _pack(tmp_path)
    other = _embedded(tmp_path, vggish="another")
    with pytest.raises(
        UserError, match=r"holds the embeddings of VGGish 01234.*, but the run has VGGish another; pack"
    ):
        other.setup("fit")
    with pytest.raises(UserError, match=r"embedded noise of seeds 123, 5, but .* have seed 6; pack with"):
        _embedded(tmp_path, seed=6).setup("fit")
    _embedded(tmp_path, seed=6, controls=False).test_dataloader()
    training = _embedded(tmp_path)
    training.test_split = "train"
    with pytest.raises(UserError, match="embedded noise of no seed"):
        training.test_dataloader()
    with pytest.raises(UserError, match=r"data\.packed_audio=embeddings, but data\.packed is false"):
        _embedded(tmp_path, packed=False)
    with pytest.raises(UserError, match=r"data\.packed_audio=embeddings, but the run has no VGGish"):
        _embedded(tmp_path, vggish=None)
    with pytest.raises(UserError, match=r"packed_audio 'embedding' is unknown; .*did you mean 'embeddings'"):
        _embedded(tmp_path, packed_audio="embedding")


def test_a_pack_without_embeddings(tmp_path: Path) -> None:
    _pack(tmp_path, embedder=None)
    with pytest.raises(UserError, match="holds no embeddings"):
        _embedded(tmp_path).setup("fit")
    (tmp_path / "packed/val-32").rename(tmp_path / "elsewhere")
    with pytest.raises(UserError, match="val-32 does not exist; run `avseg data pack"):
        _embedded(tmp_path).val_dataloader()


def test_when_to_pack_again(tmp_path: Path) -> None:
    _pack(tmp_path)
    files = AVSBenchDataset(tmp_path, "ms3", "val", 32)
    assert reason_to_pack(files) is None
    assert reason_to_pack(files, FAKE_VGGISH) is None
    assert "these weights" in str(reason_to_pack(files, Embedder(encode, "another")))
    assert "noise" in str(reason_to_pack(files, Embedder(encode, WEIGHTS, (123, 6))))
    train = AVSBenchDataset(tmp_path, "ms3", "train", 32)
    assert reason_to_pack(train, Embedder(encode, WEIGHTS, (6,))) is None  # training clips have no controls
    build_pack(files, "fake")
    assert "these weights" in str(reason_to_pack(files, FAKE_VGGISH))
    assert reason_to_pack(AVSBenchDataset(tmp_path, "ms3", "val", 64)) == ""


def test_fingerprints_distinguish_weights() -> None:
    weights = {"a": torch.arange(6.0).view(2, 3), "b": torch.ones(2)}
    same = {"b": torch.ones(2), "a": torch.arange(6.0).view(3, 2).reshape(2, 3)}
    assert weights_fingerprint(weights) == weights_fingerprint(same)
    others = [
        {**weights, "b": torch.tensor([1.0, 1.0000001])},
        {**weights, "a": weights["a"].view(3, 2)},
        {"a": weights["a"], "c": weights["b"]},
        {**weights, "b": torch.ones(2, dtype=torch.int32)},
    ]
    assert len({weights_fingerprint(tensors) for tensors in (weights, *others)}) == 5
