"""The AVS model's adaptation: one second of sound and five frames of it."""

import numpy as np
import pytest
import torch

from avseg.data.lu_avs import Fit, read_release, second_clips, sound_patches, stream
from avseg.data.lu_avs.seconds import SecondDataset
from avseg.media.frame_index import frame_index
from tests.data.lu_avs.sample import HARD, ODD_ID, SILENT, VARYING
from tests.media.make_video import read_number


@pytest.fixture(scope="module")
def release(sample_root):
    return read_release(sample_root)


@pytest.mark.parametrize("name", [ODD_ID, VARYING])
def test_all_seconds_with_five_frames_and_the_union_of_what_sounds(release, name):
    video = release.videos[name]
    index, patches = frame_index(video.path), sound_patches(video)
    truth = {}
    for chunk in stream(video, release, np.inf):
        for place, number in enumerate(chunk.index.tolist()):
            masks = [rows[place] for rows in chunk.masks.values()]
            truth[number] = torch.stack(masks).any(0) if masks else torch.zeros(64, 96, dtype=torch.bool)
    seconds = list(second_clips(video, Fit()))
    assert len(seconds) == index.video.seconds == len(patches)
    for second, (numbers, clip) in enumerate(seconds):
        shown = [read_number(frame.permute(1, 2, 0).numpy()) for frame in clip.frames[0]]
        assert shown == numbers.tolist()
        assert torch.equal(clip.masks[0].bool(), torch.stack([truth[number] for number in shown]))
        assert torch.equal(clip.sound, patches[second].expand(1, 5, 1, 96, 64))
        assert clip.valid.all()
        assert clip.annotated.all()
        # the frames on the screen in the middle of each fifth
        moments = second + np.array([0.1, 0.3, 0.5, 0.7, 0.9])
        assert all(index.video.times[n] <= m + 2e-3 for n, m in zip(shown, moments, strict=True))
        later = [(n, m) for n, m in zip(shown, moments, strict=True) if n + 1 < len(index)]
        assert all(index.video.times[n + 1] > m for n, m in later)
    if name == ODD_ID:
        assert seconds[1][0].tolist() == [11, 13, 15, 17, 19]


def test_a_video_with_boxes_alone_is_not_annotated(release):
    _, clip = next(second_clips(release.videos[HARD], Fit()))
    assert not clip.annotated.any()
    assert not clip.masks.any()


def test_training_draws_sounding_seconds_anew_each_epoch(release):
    videos = [release.videos[ODD_ID], release.videos[SILENT]]
    dataset = SecondDataset(videos, release.labels, Fit(32, square=True), per_video=2, seed=4)
    assert len(dataset) == 4
    seen = set()
    for epoch in range(10):
        clip, again = dataset[(epoch, 0)], dataset[(epoch, 0)]
        assert torch.equal(clip.frames, again.frames)
        assert clip.frames.shape == (1, 5, 3, 32, 32)
        assert clip.masks.shape == (1, 5, 32, 32)
        assert clip.masks.any()
        assert clip.category[0] in ("playing piano, male singing", "playing piano", "male singing")
        seen.add(int(clip.frames.sum()))
    assert len(seen) > 1
    silent = dataset[(0, 3)]
    assert (silent.category, int(silent.index), int(silent.masks.sum())) == ([""], 3, 0)
