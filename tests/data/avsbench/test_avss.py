"""AVSS: colours, class names, padding, and the two ways to the final size."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from PIL import Image

from avseg.audio.log_mel import log_mel_patches, read_wav
from avseg.data.avsbench.avss import centre_crop, read_class_names
from avseg.data.avsbench.dataset import AVSBenchDataset
from avseg.data.palette import class_indices, voc_palette
from avseg.utils.errors import UserError
from tests.data.fake import label_maps, make_avss, tone


@pytest.fixture
def root(tmp_path: Path) -> Path:
    make_avss(tmp_path)
    return tmp_path


def test_palette_is_that_of_pascal_voc() -> None:
    # the first colours as published with PASCAL VOC
    known = {1: (128, 0, 0), 2: (0, 128, 0), 3: (128, 128, 0), 4: (0, 0, 128), 7: (128, 128, 128), 8: (64, 0, 0)}
    known |= {15: (192, 128, 128), 16: (0, 64, 0), 20: (0, 64, 128)}
    palette = voc_palette()
    assert palette.shape == (71, 3)
    assert {index: tuple(palette[index].tolist()) for index in known} == known
    assert len(np.unique(palette, axis=0)) == 71


def test_every_class_comes_back() -> None:
    labels = np.arange(71, dtype=np.uint8).reshape(1, 71)
    np.testing.assert_array_equal(class_indices(voc_palette()[labels]), labels)


def test_stray_colours() -> None:
    rgb = voc_palette()[np.array([[5, 9, 0]])].copy()
    rgb[0, 0] += np.array([3, 0, 2], dtype=np.uint8)
    assert class_indices(rgb).tolist() == [[0, 9, 0]]
    assert class_indices(rgb, stray="nearest").tolist() == [[5, 9, 0]]
    with pytest.raises(UserError, match=r"1 pixels have colours of no class, such as \(131, 0, 130\)"):
        class_indices(rgb, stray="error")
    with pytest.raises(UserError, match="did you mean 'nearest'"):
        class_indices(rgb, stray="neares")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("split", "index", "valid", "annotated"),
    [("train", 0, 5, 1), ("val", 0, 5, 5), ("train", 1, 5, 5), ("train", 2, 10, 10)],
)
def test_padding_to_ten_frames(root: Path, split: str, index: int, valid: int, annotated: int) -> None:
    clip = AVSBenchDataset(root, "avss", split, image_size=24)[index]
    assert clip.frames.shape == (1, 10, 3, 24, 24)
    assert clip.valid[0].tolist() == [True] * valid + [False] * (10 - valid)
    assert clip.annotated[0].tolist() == [True] * annotated + [False] * (10 - annotated)
    assert not clip.frames[0, valid:].any()
    assert not clip.sound[0, valid:].any()
    assert not clip.masks[0, annotated:].any()
    assert clip.frames[0, :valid].flatten(1).any(1).all()
    assert clip.sound[0, :valid].flatten(1).any(1).all()


def test_validation_is_squashed(root: Path) -> None:
    clip = AVSBenchDataset(root, "avss", "val", image_size=18)[2]
    labels = label_maps(5, 10, 36, 64)  # the sixth clip
    columns = ((np.arange(18) + 0.5) * 64 / 18).astype(int)
    np.testing.assert_array_equal(clip.masks[0], labels[:, 1::2][:, :, columns])


def test_training_is_cropped(root: Path) -> None:
    clip = AVSBenchDataset(root, "avss", "train", image_size=36)[2]
    np.testing.assert_array_equal(clip.masks[0], label_maps(2, 10, 36, 64)[:, :, 14:50])


@pytest.mark.parametrize("size", [(64, 36), (36, 64), (50, 50), (301, 224)])
def test_centre_crop(size: tuple[int, int]) -> None:
    assert centre_crop(Image.new("RGB", size), 32, Image.Resampling.BILINEAR).size == (32, 32)


def test_frames_and_masks_are_cropped_alike(root: Path) -> None:
    dataset = AVSBenchDataset(root, "avss", "train", image_size=24)
    entry = dataset.entries[2]
    square = np.zeros((36, 64, 3), dtype=np.uint8)
    square[9:27, 20:40] = voc_palette()[7]  # grey 128
    Image.fromarray(square).save(dataset.layout.masks(entry)[0])
    Image.fromarray(square).save(dataset.layout.frames(entry)[0], quality=100)
    clip = dataset[2]
    bright = clip.frames[0, 0].float().mean(0) > 64
    assert (bright != (clip.masks[0, 0] == 7)).float().mean() < 0.05
    assert 0.2 < bright.float().mean() < 0.5


def test_class_names(root: Path) -> None:
    names = read_class_names(root / "label2idx.json")
    assert (len(names), names[0], names[70]) == (71, "background", "class70")


def test_class_names_counted_from_one_as_released(root: Path) -> None:
    names = read_class_names(root / "label2idx.json")
    released = {name: index for index, name in reversed(list(enumerate(names, start=1)))}  # in any order
    masks = AVSBenchDataset(root, "avss", "val", image_size=32)[1].masks
    (root / "label2idx.json").write_text(json.dumps(released))
    dataset = AVSBenchDataset(root, "avss", "val", image_size=32)
    assert dataset.class_names == names
    assert torch.equal(dataset[1].masks, masks)


@pytest.mark.parametrize(
    ("index", "seconds", "sounding"),
    [(0, 4.7, 4), (2, 9.4, 9), (2, 4.7, 4), (0, 9.4, 5), (0, 10.2, 5), (2, 10.2, 10), (2, 0.99, 1), (2, 0.3, 1)],
)
def test_a_short_sound_is_filled_with_zero_patches(root: Path, index: int, seconds: float, sounding: int) -> None:
    dataset = AVSBenchDataset(root, "avss", "val", image_size=32)
    path = dataset.layout.wav(dataset.entries[index])
    soundfile.write(path, tone(3, seconds), 16_000, subtype="PCM_16")
    sound = dataset[index].sound[0]
    assert sound.shape == (10, 1, 96, 64)
    assert torch.equal(sound[:sounding], log_mel_patches(*read_wav(path))[:sounding])
    assert not sound[sounding:].any()


@pytest.mark.parametrize("seconds", [4.7, 9.4, 10.2, 0.3])
def test_a_sound_of_44100_hz_in_stereo(root: Path, seconds: float) -> None:
    dataset = AVSBenchDataset(root, "avss", "val", image_size=32)
    path = dataset.layout.wav(dataset.entries[2])
    time = np.arange(round(seconds * 44_100)) / 44_100
    left = 0.3 * np.sin(2 * np.pi * 300 * time) * (1 + time)
    right = 0.2 * np.sin(2 * np.pi * 700 * time)
    soundfile.write(path, np.stack([left, right], 1) / 4, 44_100, subtype="PCM_24")
    sound = dataset[2].sound[0]
    mono = torch.from_numpy((left + right) / 8).float()
    items = log_mel_patches(mono, 44_100)[:10]
    assert len(items) == min(max(int(seconds + 0.025), 1), 10)
    torch.testing.assert_close(sound[: len(items)], items, atol=1e-3, rtol=0)  # of 24 bits
    assert not sound[len(items) :].any()


@pytest.mark.parametrize("text", ["", "[1]", '{"background": 0, "cat": 2}', '{"background": 0}', '{"a": "x", "b": 1}'])
def test_bad_class_names(text: str, root: Path) -> None:
    (root / "label2idx.json").write_text(text)
    with pytest.raises(UserError, match=r"label2idx\.json"):
        AVSBenchDataset(root, "avss", "val")


def test_stray_choice_reaches_the_reader(root: Path) -> None:
    dataset = AVSBenchDataset(root, "avss", "val", image_size=24, stray="error")
    Image.new("RGB", (64, 36), (1, 2, 3)).save(dataset.layout.masks(dataset.entries[0])[3])
    with pytest.raises(UserError, match="no class"):
        dataset[0]
    assert torch.equal(AVSBenchDataset(root, "avss", "val", image_size=24)[0].masks[0, 3], torch.zeros(24, 24).byte())
