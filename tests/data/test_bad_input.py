"""Every damaged or missing file raises a one-line error that names it."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from avseg.data.avsbench.dataset import AVSBenchDataset
from avseg.utils.errors import UserError
from tests.data.fake import make_s4

Damage = Callable[[Path], object]


def _dataset(root: Path) -> AVSBenchDataset:
    make_s4(root, {"train": 1})
    return AVSBenchDataset(root, "s4", "train", image_size=32)


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _corrupt(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[40:80] = bytes(40)
    path.write_bytes(content)


DAMAGES: dict[str, tuple[Damage, str]] = {
    "missing": (Path.unlink, "is missing"),
    "empty": (lambda path: path.write_bytes(b""), "is not a readable"),
    "unknown format": (lambda path: path.write_bytes(b"plain text " * 99), "is not a readable"),
}
IMAGE_DAMAGES: dict[str, tuple[Damage, str]] = {
    **DAMAGES,
    "truncated": (_cut, "is not a readable"),
    "corrupt": (_corrupt, "is not a readable"),
}


def _check(dataset: AVSBenchDataset, path: Path, reason: str) -> None:
    with pytest.raises(UserError) as caught:
        dataset[0]
    message = str(caught.value)
    assert str(path) in message
    assert reason in message
    assert "\n" not in message


@pytest.mark.parametrize("damage", IMAGE_DAMAGES)
def test_frame(damage: str, tmp_path: Path) -> None:
    dataset = _dataset(tmp_path)
    path = dataset.layout.frames(dataset.entries[0])[3]
    apply_damage, reason = IMAGE_DAMAGES[damage]
    apply_damage(path)
    _check(dataset, path, reason)


@pytest.mark.parametrize("damage", IMAGE_DAMAGES)
def test_mask(damage: str, tmp_path: Path) -> None:
    dataset = _dataset(tmp_path)
    path = dataset.layout.masks(dataset.entries[0])[0]
    apply_damage, reason = IMAGE_DAMAGES[damage]
    apply_damage(path)
    _check(dataset, path, reason)


def test_mask_of_another_size(tmp_path: Path) -> None:
    dataset = _dataset(tmp_path)
    path = dataset.layout.masks(dataset.entries[0])[0]
    Image.new("1", (30, 32)).save(path)
    _check(dataset, path, "is 30 x 32, but its frame is 32 x 32")


def _write(samples: object, **how: object) -> Damage:
    return lambda path: soundfile.write(path, np.asarray(samples), 16_000, **how)


WAV_DAMAGES: dict[str, tuple[Damage, str]] = {
    **DAMAGES,
    "no samples": (_write(np.zeros(0)), "is empty (0 samples)"),
    "all NaN": (_write(np.full(80_000, np.nan), subtype="FLOAT"), "only NaN"),
    "header only": (lambda path: path.write_bytes(path.read_bytes()[:20]), "is not a readable"),
}


@pytest.mark.parametrize("damage", WAV_DAMAGES)
def test_wav(damage: str, tmp_path: Path) -> None:
    dataset = _dataset(tmp_path)
    path = dataset.layout.wav(dataset.entries[0])
    apply_damage, reason = WAV_DAMAGES[damage]
    apply_damage(path)
    _check(dataset, path, reason)


@pytest.mark.parametrize("seconds", [0.01, 1.0, 3.3, 4.99, 7.0])
def test_any_length_of_wav_works(seconds: float, tmp_path: Path) -> None:
    dataset = _dataset(tmp_path)
    path = dataset.layout.wav(dataset.entries[0])
    soundfile.write(path, np.random.default_rng(1).uniform(-0.1, 0.1, int(16_000 * seconds)), 16_000)
    assert dataset[0].sound.shape == (1, 5, 1, 96, 64)


def test_44_khz_stereo_works(tmp_path: Path) -> None:
    dataset = _dataset(tmp_path)
    noise = np.random.default_rng(1).uniform(-0.1, 0.1, (44_100 * 5, 2))
    soundfile.write(dataset.layout.wav(dataset.entries[0]), noise, 44_100)
    assert dataset[0].sound.shape == (1, 5, 1, 96, 64)
