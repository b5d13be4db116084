"""S4 and MS3 clips from the official layout."""

import pickle
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from PIL import Image

from avseg.audio import LogMel
from avseg.audio.log_mel import log_mel_patches, read_wav
from avseg.data.avsbench.dataset import AVSBenchDataset
from avseg.utils.errors import UserError
from tests.data.fake import discs, make_ms3, make_s4, random_frames


@pytest.fixture
def s4(tmp_path: Path) -> Path:
    make_s4(tmp_path)
    return tmp_path


@pytest.fixture
def ms3(tmp_path: Path) -> Path:
    make_ms3(tmp_path)
    return tmp_path


def test_s4_validation_clip(s4: Path) -> None:
    clip = AVSBenchDataset(s4, "s4", "val", image_size=32)[1]
    number = 4 + 1  # after the four training clips
    assert clip.frames.dtype == clip.masks.dtype == torch.uint8
    np.testing.assert_array_equal(clip.frames[0].permute(0, 2, 3, 1), random_frames(number, 5, 32, 32))
    np.testing.assert_array_equal(clip.masks[0], discs(number, 5, 32, 32))
    assert clip.annotated.all()
    assert clip.valid.all()
    assert (clip.video_id, clip.category, clip.index.tolist()) == (["valclip1_1"], ["dog"], [1])
    assert clip.sound.shape == (1, 5, 1, 96, 64)


def test_s4_training_clip_is_annotated_once(s4: Path) -> None:
    clip = AVSBenchDataset(s4, "s4", "train", image_size=32)[2]
    np.testing.assert_array_equal(clip.masks[0, 0], discs(2, 5, 32, 32)[0])
    assert clip.annotated.tolist() == [[True, False, False, False, False]]
    assert not clip.masks[0, 1:].any()
    assert clip.valid.all()


def test_ms3_clip(ms3: Path) -> None:
    clip = AVSBenchDataset(ms3, "ms3", "train", image_size=32)[3]
    np.testing.assert_array_equal(clip.frames[0].permute(0, 2, 3, 1), random_frames(3, 5, 32, 32))
    np.testing.assert_array_equal(clip.masks[0], discs(3, 5, 32, 32))
    assert clip.annotated.all()
    assert clip.category == [""]


@pytest.mark.parametrize("mode", ["P", "L", "RGB", "1"])
def test_every_value_but_zero_sounds_in_ms3(ms3: Path, mode: str) -> None:
    dataset = AVSBenchDataset(ms3, "ms3", "test", image_size=32)
    values = np.zeros((32, 32), dtype=np.uint8)
    values[:8], values[8:16], values[16:20] = 1, 255, 17
    mask = Image.fromarray(values)
    if mode == "P":
        mask = Image.frombytes("P", (32, 32), values.tobytes())
        mask.putpalette([0, 0, 0] * 256)  # all black: the index counts, not the colour
    elif mode == "RGB":
        mask = Image.fromarray(np.stack([values * 0, values * 0, values], -1))
    elif mode == "1":
        mask = Image.fromarray(values > 0)
    mask.save(dataset.layout.masks(dataset.entries[0])[0])
    np.testing.assert_array_equal(dataset[0].masks[0, 0], values > 0)


def test_s4_masks_sound_from_half_brightness(s4: Path) -> None:
    dataset = AVSBenchDataset(s4, "s4", "val", image_size=32)
    values = np.tile(np.arange(0, 256, 8, dtype=np.uint8), (32, 1))
    Image.fromarray(values).save(dataset.layout.masks(dataset.entries[0])[0])
    np.testing.assert_array_equal(dataset[0].masks[0, 0], values >= 128)  # and no dithering


@pytest.mark.parametrize("size", [16, 64])  # no ties of the nearest neighbour
def test_resizing(s4: Path, size: int) -> None:
    clip = AVSBenchDataset(s4, "s4", "val", image_size=size)[0]
    for frame, pixels in zip(clip.frames[0], random_frames(4, 5, 32, 32), strict=True):
        expected = Image.fromarray(pixels).resize((size, size), Image.Resampling.BILINEAR)
        np.testing.assert_array_equal(frame.permute(1, 2, 0), np.asarray(expected))
    for mask, disc in zip(clip.masks[0], discs(4, 5, 32, 32), strict=True):
        rows = ((np.arange(size) + 0.5) * 32 / size).astype(int)
        np.testing.assert_array_equal(mask, disc[rows][:, rows])


def test_sound_of_the_wav(s4: Path) -> None:
    dataset = AVSBenchDataset(s4, "s4", "test", image_size=32)
    expected = log_mel_patches(*read_wav(dataset.layout.wav(dataset.entries[2])))
    assert torch.equal(dataset[2].sound[0], expected)


def test_short_sound_repeats_its_last_patch(s4: Path) -> None:
    dataset = AVSBenchDataset(s4, "s4", "val", image_size=32)
    wav = dataset.layout.wav(dataset.entries[0])
    samples, rate = soundfile.read(wav)
    soundfile.write(wav, samples[: 3 * rate], rate)
    sound = dataset[0].sound[0]
    assert torch.equal(sound[3], sound[2])
    assert torch.equal(sound[4], sound[2])
    assert not torch.equal(sound[1], sound[2])


def _write_log_mel(dataset: AVSBenchDataset, value: float) -> torch.Tensor:
    path = dataset.layout.log_mel(dataset.entries[0])
    path.parent.mkdir(parents=True, exist_ok=True)
    patches = torch.full((5, 1, 96, 64), value)
    path.write_bytes(pickle.dumps(patches))
    return patches


def test_audio_choice(ms3: Path) -> None:
    auto, wav, log_mel = (AVSBenchDataset(ms3, "ms3", "val", 32, audio=choice) for choice in ("auto", "wav", "log_mel"))
    patches = _write_log_mel(auto, 0.25)
    assert torch.equal(log_mel.sound(0), patches)
    assert torch.equal(auto.sound(0), wav.sound(0))
    auto.layout.wav(auto.entries[0]).unlink()
    assert torch.equal(auto.sound(0), patches)
    with pytest.raises(UserError, match=r"val-0.wav is missing"):
        wav.sound(0)
    with pytest.raises(UserError, match=r"val-1.pkl is missing"):
        log_mel.sound(1)


def test_released_files_have_the_vggish_hop(ms3: Path) -> None:
    with pytest.raises(UserError, match="log_mel-second"):
        AVSBenchDataset(ms3, "ms3", "val", audio="log_mel", frontend=LogMel("second"))
    auto = AVSBenchDataset(ms3, "ms3", "val", 32, frontend=LogMel("second"))
    _write_log_mel(auto, 0.25)
    auto.layout.wav(auto.entries[0]).unlink()
    with pytest.raises(UserError, match="log_mel-second"):
        auto.sound(0)


def test_a_split_without_clips(tmp_path: Path) -> None:
    make_ms3(tmp_path, {"train": 1})
    with pytest.raises(UserError, match="no clip of split 'val'"):
        AVSBenchDataset(tmp_path, "ms3", "val")


@pytest.mark.parametrize(("key", "value"), [("audio", "wave"), ("image_size", 0)])
def test_unknown_choices(ms3: Path, key: str, value: object) -> None:
    with pytest.raises(UserError, match=key):
        AVSBenchDataset(ms3, "ms3", "val", **{key: value})  # type: ignore[arg-type]
