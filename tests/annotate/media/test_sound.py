"""The waveform and the wav of a video: against the samples themselves, and in step with its frames."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from avseg.annotate.media import sound as sound_module
from avseg.annotate.media.sound import Sound
from avseg.media.frame_index import frame_index
from avseg.media.sound_reader import sound_seconds
from avseg.utils.errors import UserError
from tests.media.make_video import make_video, tone

RATE = 16_000


def noise(seconds, channels=1, rate=RATE):
    """Bursts of noise, a different level each tenth of a second."""
    rng = np.random.default_rng(0)
    levels = np.repeat(rng.uniform(0, 0.9, round(seconds * 10)), rate // 10)
    return np.tile((levels * rng.uniform(-1, 1, len(levels))).astype(np.float32), (channels, 1))


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    path = tmp_path_factory.mktemp("sound") / "v.mkv"
    return Sound(make_video(path, frames=85, sound="flac", waveform=noise(3.4)))


@pytest.fixture(scope="module")
def samples(sound):
    return soundfile.read(sound.wav(), dtype="float32")[0]


def test_the_wav_is_the_sound_from_the_first_frame_on(sound, samples):
    about = soundfile.info(sound.wav())
    assert (about.samplerate, about.channels, about.subtype) == (RATE, 1, "PCM_16")
    assert len(samples) == sound.samples == round(3.4 * RATE)
    seconds = np.concatenate(list(sound_seconds(frame_index(sound.path).video)))
    np.testing.assert_allclose(samples, seconds[: len(samples)], atol=1 / 32768)
    np.testing.assert_allclose(samples, noise(3.4)[0], atol=1 / 16384)


@settings(max_examples=60, deadline=None)
@given(start=st.floats(-0.5, 3.3), length=st.floats(0.001, 4.5), columns=st.integers(1, 300))
def test_the_waveform_of_any_stretch(sound, samples, start, length, columns):
    end = start + length
    peaks = sound.peaks(start, end, columns)
    assert peaks.shape == (columns, 2)
    assert peaks.dtype == np.float32
    assert (peaks[:, 0] <= peaks[:, 1]).all()
    edges = np.linspace(start, end, columns + 1) * RATE
    wide = max((edges[1] - edges[0]) / 4, 1)  # a block reaches into the neighbours by a quarter at most
    for (low, high), begin, stop in zip(peaks, edges[:-1], edges[1:], strict=True):
        inner = samples[max(int(np.ceil(begin)), 0) : max(int(np.floor(stop)), 0)]
        outer = samples[max(int(begin - wide) - 1, 0) : max(int(stop + wide) + 2, 0)]
        if len(inner):
            assert low <= inner.min() + 1e-6
            assert high >= inner.max() - 1e-6
        if len(outer):
            assert low >= min(outer.min(), 0) - 1e-6
            assert high <= max(outer.max(), 0) + 1e-6
        if not len(outer):
            assert low == high == 0


def test_the_whole_waveform_has_the_very_extremes(sound, samples):
    for columns in (1, 7, 850):
        peaks = sound.peaks(0, sound.duration, columns)
        assert peaks[:, 0].min() == samples.min()
        assert peaks[:, 1].max() == samples.max()


def test_silence_outside(sound, samples):
    assert not sound.peaks(10, 12, 50).any()
    assert not sound.read(-100, 100).any()
    np.testing.assert_array_equal(sound.read(-100, 300)[100:], samples[:200])
    np.testing.assert_array_equal(sound.read(len(samples) - 5, 10), [*samples[-5:], *[0] * 5])


def test_it_is_decoded_once(sound, monkeypatch):
    expected = sound.peaks(0, 3, 100)
    monkeypatch.setattr(sound_module, "sound_seconds", lambda video: pytest.fail("decoded again"))
    again = Sound(sound.path)
    np.testing.assert_array_equal(again.peaks(0, 3, 100), expected)


def test_a_changed_video_is_decoded_again(tmp_path):
    path = make_video(tmp_path / "v.mkv", frames=25, sound="flac", waveform=np.zeros((1, RATE), np.float32))
    assert not Sound(path).peaks(0, 1, 10).any()
    make_video(path, frames=25, sound="flac", waveform=noise(1))
    assert Sound(path).peaks(0, 1, 10).any()


def test_half_written_files_are_written_again(tmp_path):
    path = make_video(tmp_path / "v.mkv", frames=25, sound="flac", waveform=noise(1))
    first = Sound(path).peaks(0, 1, 10)
    (tmp_path / ".avseg" / "v.mkv" / "sound.json").write_text("{")
    (tmp_path / ".avseg" / "v.mkv" / "peaks.npy").write_bytes(b"")
    np.testing.assert_array_equal(Sound(path).peaks(0, 1, 10), first)


def test_no_sound_is_silence(tmp_path):
    sound = Sound(make_video(tmp_path / "v.mp4", frames=40, sound=None))
    assert not sound.exists
    assert not sound.peaks(0, 1.6, 20).any()
    assert soundfile.info(sound.wav()).frames == sound.samples == round(1.6 * RATE)


@pytest.mark.parametrize("layout", ["5.1", "stereo"])
def test_channels_are_mixed(tmp_path, layout):
    channels = 6 if layout == "5.1" else 2
    wave = noise(2, channels, 48_000)
    sound = Sound(
        make_video(tmp_path / "v.mkv", frames=50, sound="flac", layout=layout, sample_rate=48_000, waveform=wave)
    )
    peaks = np.abs(sound.peaks(0, 2, 200)).max(1).reshape(20, 10)[:, 2:-2].max(1)
    loud = np.abs(wave[0]).reshape(20, -1).max(1)
    # FFmpeg's mixture of 5.1 reaches full scale
    assert np.corrcoef(peaks, loud)[0, 1] > {"5.1": 0.9, "stereo": 0.95}[layout]


def test_sound_shorter_than_the_video(tmp_path):
    sound = Sound(make_video(tmp_path / "v.mkv", frames=100, sound="flac", waveform=tone(1.5, RATE, 1)))
    assert sound.duration == pytest.approx(4)
    assert soundfile.info(sound.wav()).frames == 4 * RATE
    assert sound.peaks(1.2, 1.4, 1)[0, 1] > 0.4
    assert not sound.peaks(1.6, 4, 10).any()


@pytest.mark.parametrize("span", [(1, 1, 5), (2, 1, 5), (0, 1, 0)])
def test_no_stretch(sound, span):
    with pytest.raises(UserError, match="start < end"):
        sound.peaks(*span)


def test_a_folder_that_cannot_be_written_to(tmp_path):
    path = make_video(tmp_path / "v.mp4", frames=5)
    (tmp_path / ".avseg").write_text("in the way")
    with pytest.raises(UserError, match=r"sound\.wav: cannot be written"):
        Sound(path).wav()


def test_two_that_want_it_at_once_get_the_same(tmp_path):
    path = make_video(tmp_path / "v.mkv", frames=75, sound="flac", waveform=noise(3))
    with ThreadPoolExecutor(4) as pool:
        drawn = list(pool.map(lambda place: Sound(path).peaks(0, 3, 100), range(4)))
    assert all((peaks == drawn[0]).all() for peaks in drawn)
    assert sorted(file.name for file in (tmp_path / ".avseg" / "v.mkv").iterdir()) == [
        "index.npz",
        "peaks.npy",
        "sound.json",
        "sound.wav",
    ]
