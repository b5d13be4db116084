"""Clips of one second of sound and five frames of it, for the AVS model."""

import numpy as np
import pytest
import torch

from avseg.audio.frontend import LogMel
from avseg.data.lu_avs import Fit, read_chunks, read_release, sound_patches
from avseg.data.lu_avs.seconds import SecondDataset, frames_of_second, second_clip
from avseg.media.frame_index import frame_index
from tests.data.lu_avs.sample import HARD, ODD_ID, SILENT, VARYING
from tests.media.make_video import read_number


@pytest.fixture(scope="module")
def release(sample_root):
    return read_release(sample_root)


@pytest.mark.parametrize("name", [ODD_ID, VARYING])
def test_every_second_has_five_frames_and_the_union_of_the_sounding_masks(release, name):
    video = release.videos[name]
    index, patches = frame_index(video.path), sound_patches(video, LogMel())
    truth = {}
    for chunk in read_chunks(video, np.inf):
        for i, number in enumerate(chunk.index.tolist()):
            masks = [rows[i] for rows in chunk.masks.values()]
            truth[number] = torch.stack(masks).any(0) if masks else torch.zeros(64, 96, dtype=torch.bool)
    assert len(patches) == index.video.seconds
    for second, patch in enumerate(patches):
        clip = second_clip(video, second, patch, Fit())
        numbers = [read_number(frame.permute(1, 2, 0).numpy()) for frame in clip.frames[0]]
        assert numbers == frames_of_second(index, second).tolist()
        assert torch.equal(clip.masks[0].bool(), torch.stack([truth[number] for number in numbers]))
        assert torch.equal(clip.sound, patch.expand(1, 5, 1, 96, 64))
        assert clip.valid.all()
        assert clip.annotated.all()
        # the frames on screen in the middle of each fifth
        for number, time in zip(numbers, second + np.array([0.1, 0.3, 0.5, 0.7, 0.9]), strict=True):
            assert index.video.times[number] <= time + 2e-3
            assert number + 1 == len(index) or index.video.times[number + 1] > time
    if name == ODD_ID:
        assert frames_of_second(index, 1).tolist() == [11, 13, 15, 17, 19]


def test_a_video_without_masks_is_not_annotated(release):
    video = release.videos[HARD]
    clip = second_clip(video, 0, sound_patches(video, LogMel())[0], Fit())
    assert not clip.annotated.any()
    assert not clip.masks.any()


def test_training_draws_new_sounding_seconds_each_epoch(release):
    videos = [release.videos[ODD_ID], release.videos[SILENT]]
    dataset = SecondDataset(videos, release.labels, Fit(32, square=True), LogMel(), per_video=2, seed=4)
    assert len(dataset) == 4
    drawn = set()
    for epoch in range(10):
        clip = dataset[(epoch, 0)]
        assert torch.equal(clip.frames, dataset[(epoch, 0)].frames)
        assert clip.frames.shape == (1, 5, 3, 32, 32)
        assert clip.masks.shape == (1, 5, 32, 32)
        assert clip.masks.any()
        assert clip.category[0] in ("playing piano, male singing", "playing piano", "male singing")
        drawn.add(int(clip.frames.sum()))
    assert len(drawn) > 1
    silent = dataset[(0, 3)]
    assert (silent.category, int(silent.index), int(silent.masks.sum())) == ([""], 3, 0)
