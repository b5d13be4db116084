"""One item of the front end and one target for each exact second."""

from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from avseg.audio.frontend import LogMel
from avseg.data.lu_avs import LUVideo, Segment, read_release, second_targets, sound, sound_patches
from avseg.data.lu_avs.sound import SoundDataset, class_coverage
from avseg.media.frame_index import frame_index
from tests.data.lu_avs.sample import ODD_ID, VARYING
from tests.media.make_video import make_video


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    """Videos of constant and variable frame rate; 5.3 s of sound that gets louder and higher with each second."""
    folder = tmp_path_factory.mktemp("sound")
    time = np.arange(round(5.3 * 16000)) / 16000
    wave = (0.1 + 0.08 * np.floor(time)) * np.sin(2 * np.pi * (300 + 500 * np.floor(time)) * time)
    gaps = np.cumsum([0, *np.random.default_rng(1).choice([0.02, 0.2, 0.4], 25)]).round(3)
    gaps = gaps[gaps < 5.2].tolist()
    sound = {"sound": "flac", "waveform": wave[None].astype(np.float32)}
    constant = make_video(folder / "constant.mkv", frames=53, rate=10, **sound)
    variable = make_video(folder / "variable.mkv", frames=len(gaps), times=gaps, rate=10, **sound)
    return [LUVideo(path.stem, path, 10.0, 5.3, "test", (), True) for path in (constant, variable)]


@pytest.mark.parametrize("video_id", [0, 1])
def test_the_patch_of_a_second_contains_that_second_only(videos, video_id):
    video = videos[video_id]
    patches = sound_patches(video, LogMel("second"))
    assert patches.shape == (frame_index(video.path).video.seconds, 1, 96, 64)
    loudest = patches[:5, 0].mean(1).argmax(1)
    # mel band of 300 + 500 l Hz, from the definition: 64 bands even in mel over 125 to 7500 Hz
    mel = lambda hertz: 1127 * np.log1p(hertz / 700)  # noqa: E731
    bands = (mel(300 + 500 * np.arange(5)) - mel(125)) / (mel(7500) - mel(125)) * 65 - 1
    np.testing.assert_allclose(loudest, bands, atol=1)
    # each of the 96 frames, also at the borders of the second
    assert (patches[:5, 0].argmax(-1) - loudest[:, None]).abs().max() <= 1


@pytest.mark.parametrize("rate", [Fraction(30000, 1001), 25])
def test_patches_do_not_drift(tmp_path, rate):
    path = make_video(tmp_path / "v.mp4", frames=round(31 * rate), rate=rate, size=(16, 16))
    video = LUVideo("v", path, float(rate), 31.0, "test", (), True)
    assert len(sound_patches(video, LogMel("vggish"))) == 31  # a hop of 0.96 s over the whole sound yields 32
    assert len(second_targets(video, 2)) == 31


def share_by_hand(video, label, seconds, step=0.001):
    """Compute the share of each second from the frame shown at every millisecond."""
    edges = frame_index(video.path).edges()
    times = np.arange(0, edges[-1], step) + step / 2
    frame = np.searchsorted(edges, times, side="right") - 1
    on = np.zeros(len(times), bool)
    for segment in video.segments:
        on |= (segment.label == label) & (frame >= segment.start) & (frame < segment.end)
    return np.array([on[times.astype(int) == second].mean() for second in range(seconds)])


spans = st.lists(st.tuples(st.integers(0, 20), st.integers(1, 20), st.integers(0, 2)), max_size=5)


@settings(max_examples=25, deadline=None)
@given(spans=spans, video_id=st.integers(0, 1))
def test_coverage_equals_the_share_of_milliseconds(videos, spans, video_id):
    segments = tuple(Segment(start, start + length, label, None) for start, length, label in spans)
    video = LUVideo("v", videos[video_id].path, 10.0, 5.3, "test", segments, True)
    shares = class_coverage(video, 3)
    for label in range(3):
        np.testing.assert_allclose(shares[:, label], share_by_hand(video, label, len(shares)), atol=5e-3)
    np.testing.assert_array_equal(second_targets(video, 3), (shares >= 0.5 - 1e-6).float())


def test_half_a_second_is_enough_and_a_frame_less_is_not(videos):
    make = lambda end: LUVideo("v", videos[0].path, 10.0, 5.3, "test", (Segment(10, end, 0, None),), True)  # noqa: E731
    assert second_targets(make(15), 1)[:, 0].tolist() == [0, 1, 0, 0, 0, 0]
    assert second_targets(make(14), 1)[:, 0].tolist() == [0, 0, 0, 0, 0, 0]
    assert second_targets(make(14), 1, share=0.4)[:, 0].tolist() == [0, 1, 0, 0, 0, 0]
    last = LUVideo("v", videos[0].path, 10.0, 5.3, "test", (Segment(51, 53, 0, None),), True)
    assert second_targets(last, 1)[:, 0].tolist() == [0, 0, 0, 0, 0, 1]  # of the existing 0.3 s


def test_windows_are_cut_from_sound_and_targets_alike(sample_root):
    release = read_release(sample_root)
    videos = [release.videos[name] for name in (ODD_ID, VARYING)]
    full_sounds = SoundDataset(videos, 3, LogMel())
    windows = SoundDataset(videos, 3, LogMel(), window=2, seed=1)
    begins = set()
    for epoch in range(12):
        item, full = windows[(epoch, 1)], full_sounds[1]
        (begin,) = [b for b in range(20) if torch.equal(item.sound[0], full.sound[0, b : b + 2])][:1]
        begins.add(begin)
        assert torch.equal(item.targets[0], full.targets[0, begin : begin + 2])
        assert torch.equal(item.sound, windows[(epoch, 1)].sound)
    assert len(begins) > 2
    assert full_sounds[0].valid.shape == (1, 4)
    assert SoundDataset(videos, 3, LogMel(), window=100)[0].sound.shape[1] == 4


def test_the_cache_is_bounded(sample_root, monkeypatch):
    monkeypatch.setattr(sound, "CACHED_VIDEOS", 2)
    release = read_release(sample_root)
    videos = list(release.videos.values())
    dataset = SoundDataset(videos, 3, LogMel())
    for i in range(len(videos)):
        dataset[i]
    assert len(dataset.cache) == 2
    assert dataset[len(videos) - 1].sound.data_ptr() == dataset.cache[videos[-1].id].data_ptr()
