"""Control sounds: their content, and that they depend on seed and index alone."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from avseg.audio.log_mel import SAMPLE_RATE, log_mel_patches
from avseg.data.avsbench.dataset import AVSBenchDataset
from avseg.data.clip import collate_clips
from avseg.data.controls import CONTROLS, WithControls
from tests.data.fake import make_avss, make_ms3, make_s4


@pytest.fixture
def s4(tmp_path: Path) -> AVSBenchDataset:
    make_s4(tmp_path, {"test": 7})
    return AVSBenchDataset(tmp_path, "s4", "test", image_size=32)


def _sorted_patches(sound: Tensor) -> list[list[float]]:
    return sorted(patch.flatten().tolist() for patch in sound)


def test_names_and_shapes(s4: AVSBenchDataset) -> None:
    for clip in map(WithControls(s4).__getitem__, range(7)):
        assert tuple(clip.controls) == CONTROLS
        assert all(sound.shape == clip.sound.shape == (1, 5, 1, 96, 64) for sound in clip.controls.values())


def test_silence_is_silent_and_noise_is_white(s4: AVSBenchDataset) -> None:
    controls = WithControls(s4)[0].controls
    assert torch.equal(controls["silence"][0], log_mel_patches(torch.zeros(5 * SAMPLE_RATE), SAMPLE_RATE))
    # an impulse where the window is 1 has magnitude 1 in every bin, so its mel is the sum of the band's weights
    impulse = torch.zeros(SAMPLE_RATE)
    impulse[200] = 1
    weights = log_mel_patches(impulse, SAMPLE_RATE)[0, 0, 0].exp() - 0.01
    # white noise of deviation 0.1: Rayleigh magnitudes of mean 0.1 sqrt(sum of squared window) sqrt(pi) / 2
    magnitude = 0.1 * (torch.hann_window(400).square().sum().sqrt() * np.sqrt(np.pi) / 2)
    mel = controls["noise"].exp().mean((0, 1, 2, 3)) - 0.01
    torch.testing.assert_close(mel, magnitude * weights, rtol=0.15, atol=0)


def test_other_is_another_clip_of_another_category(s4: AVSBenchDataset) -> None:
    controls = WithControls(s4)
    for index in range(7):
        other = controls.other_index(index)
        assert other is not None
        assert s4.entries[other].category != s4.entries[index].category
        assert torch.equal(controls[index].controls["other"][0], s4.sound(other))


def test_other_without_categories(tmp_path: Path) -> None:
    make_ms3(tmp_path, {"test": 4})
    controls = WithControls(AVSBenchDataset(tmp_path, "ms3", "test", 32))
    others = [controls.other_index(index) for index in range(4)]
    assert all(other not in (None, index) for index, other in enumerate(others))


def test_a_single_clip_has_no_other(tmp_path: Path) -> None:
    make_ms3(tmp_path, {"test": 1})
    controls = WithControls(AVSBenchDataset(tmp_path, "ms3", "test", 32))
    assert tuple(controls[0].controls) == ("silence", "noise", "shuffled")


def test_shuffled_is_a_derangement(s4: AVSBenchDataset) -> None:
    for index in range(7):
        clip = WithControls(s4)[index]
        original, shuffled = clip.sound[0], clip.controls["shuffled"][0]
        assert _sorted_patches(original) == _sorted_patches(shuffled)
        assert not any(torch.equal(a, b) for a, b in zip(original, shuffled, strict=True))


def test_padding_stays_silent_at_the_end(tmp_path: Path) -> None:
    make_avss(tmp_path)
    controls = WithControls(AVSBenchDataset(tmp_path, "avss", "test", 24))
    for index, seconds in enumerate((5, 5, 10)):
        for sound in controls[index].controls.values():
            assert sound[0, :seconds].flatten(1).any(1).all()
            assert not sound[0, seconds:].any()


@pytest.mark.parametrize(("batch_size", "workers"), [(1, 0), (3, 0), (7, 0), (2, 2)])
def test_batches_and_workers_change_nothing(s4: AVSBenchDataset, batch_size: int, workers: int) -> None:
    controls = WithControls(s4)
    loader = DataLoader(controls, batch_size, num_workers=workers, collate_fn=collate_clips)
    joined = collate_clips(list(loader))
    for name in CONTROLS:
        assert torch.equal(joined.controls[name], torch.cat([controls[index].controls[name] for index in range(7)]))


def test_the_seed_changes_what_is_drawn(s4: AVSBenchDataset) -> None:
    first, second = (collate_clips([WithControls(s4, seed)[index] for index in range(7)]) for seed in (1, 2))
    assert torch.equal(first.controls["silence"], second.controls["silence"])
    for name in ("noise", "other", "shuffled"):
        assert not torch.equal(first.controls[name], second.controls[name])
    noise = first.controls["noise"]
    assert not torch.equal(noise[0], noise[1])  # clips differ
