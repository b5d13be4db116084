"""Sound of any layout is as loud as FFmpeg's own downmix, and never louder than full scale."""

import gc
import shutil
import subprocess
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler

from avseg.media.container import decode, open_video, packets, sound_stream
from avseg.media.downmix import Downmix
from avseg.media.sound_copy import plan_sound
from avseg.media.sound_reader import sound_seconds
from avseg.media.video import probe
from avseg.media.video_writer import repaint
from avseg.utils.errors import UserError
from tests.media.joined import join
from tests.media.make_video import make_video, tone

CHANNELS = {"2.1": 3, "3.0": 3, "quad": 4, "4.0": 4, "5.0": 5, "5.1": 6, "5.1(side)": 6, "6.1": 7, "7.1": 8}


def _noise(channels: int, level: float = 0.1, rate: int = 48000, seconds: float = 1.0) -> np.ndarray:
    noise = np.random.default_rng(0).uniform(-level, level, (channels, round(seconds * rate)))
    return noise.astype(np.float32)


def _make(path: Path, layout: str, waveform: np.ndarray, sound: str = "pcm_s16le", **options: object) -> Path:
    options = {"frames": 10, "rate": 10, "size": (32, 32), "sample_rate": 48000, **options}
    return make_video(path, layout=layout, sound=sound, waveform=waveform, **options)  # type: ignore[arg-type]


def _sound(path: Path) -> np.ndarray:
    return np.concatenate(list(sound_seconds(probe(path))))


def _reference(path: Path) -> np.ndarray:
    """The mean of FFmpeg's own downmix to stereo, at 16 kHz."""
    parts = []
    with open_video(path) as container:
        resampler = AudioResampler(format="flt", layout="stereo", rate=16000)
        for packet in packets(container, [sound_stream(container)]):
            for frame in decode(packet):
                parts += [part.to_ndarray() for part in resampler.resample(frame)]
        parts += [part.to_ndarray() for part in resampler.resample(None) if part is not None]
    return np.concatenate(parts, 1).reshape(-1, 2).mean(1)


def _decibels(first: np.ndarray, second: np.ndarray) -> float:
    return float(20 * np.log10(np.std(first) / np.std(second)))


@pytest.mark.parametrize("layout", CHANNELS)
@pytest.mark.parametrize(("suffix", "codec"), [("mov", "pcm_s16le"), ("mkv", "flac"), ("mp4", "aac")])
def test_as_loud_as_the_downmix_of_ffmpeg(tmp_path: Path, layout: str, suffix: str, codec: str) -> None:
    # QuickTime stores 6.1 and 7.1 in an order of its own, AAC of 8 channels decodes to 8 planes: PyAV crashes at both
    path = _make(tmp_path / f"v.{suffix}", layout, _noise(CHANNELS[layout]), codec)
    assert _decibels(_sound(path), _reference(path)) == pytest.approx(0, abs=0.1)


@pytest.mark.parametrize(
    ("channels", "factor"),
    [([0, 1], 1.0), ([0], 0.5), ([2], np.sqrt(0.5)), ([3], 0.0), ([4, 5], np.sqrt(0.5))],  # of FL FR FC LFE SL SR
)
def test_each_channel_of_surround_sound_has_its_standard_level(
    tmp_path: Path, channels: list[int], factor: float
) -> None:
    wave = np.zeros((6, 48000), np.float32)
    wave[channels] = tone(1.0, 48000, 1, level=0.3)
    sound = _sound(_make(tmp_path / "v.mkv", "5.1", wave))
    assert np.std(sound) == pytest.approx(0.3 * factor / np.sqrt(2), rel=0.01, abs=1e-4)


def test_speech_of_a_dvd_has_the_level_of_players(tmp_path: Path) -> None:
    # the mean of six channels, of which five are silent, is 13 dB lower than players' downmix
    wave = np.zeros((6, 48000), np.float32)
    wave[2] = tone(1.0, 48000, 1, level=0.4)  # front centre
    path = _make(tmp_path / "v.vob", "5.1", wave, "ac3", codec="mpeg2video")
    assert probe(path).container == "mpeg"
    # 4.5 dB below the centre channel, the level that this stream requests
    assert np.std(_sound(path)[4000:12000]) == pytest.approx(0.4 * 2**-0.75 / np.sqrt(2), rel=0.02)
    repaint(probe(path), tmp_path / "overlay.mp4", lambda image, frame: image)
    assert _decibels(_reference(tmp_path / "overlay.mp4"), _reference(path)) == pytest.approx(0, abs=0.3)


# levels of centre and surround for Lo/Ro and mono; without options those that the encoders write by default
LEVELS = {
    ("ac3", ""): (2**-0.75, 0.5),
    ("ac3", "center_mixlev=0.5:surround_mixlev=0"): (0.5, 0.0),
    ("eac3", ""): (2**-0.75, 0.5),
    ("eac3", "dmix_mode=loro:loro_cmixlev=1:loro_surmixlev=0"): (1.0, 0.0),
    ("eac3", "dmix_mode=ltrt:ltrt_cmixlev=1:ltrt_surmixlev=0"): (2**-0.75, 0.5),
}


@pytest.mark.parametrize(("codec", "words"), LEVELS)
def test_the_levels_that_a_stream_requests(tmp_path: Path, codec: str, words: str) -> None:
    options = dict(word.split("=") for word in words.split(":") if word)
    path = _make(tmp_path / "v.mkv", "5.1", _noise(6), codec, sound_options=options)
    with open_video(path) as container:
        frames = [frame for packet in packets(container, [sound_stream(container)]) for frame in decode(packet)]
    mono, stereo = Downmix(1), Downmix(2)
    channels = np.concatenate([frame.to_ndarray() for frame in frames], 1)  # FL FR FC LFE SL SR
    centre, surround = LEVELS[codec, words]
    left, right = (channels[k] + centre * channels[2] + surround * channels[4 + k] for k in (0, 1))
    mixed = np.concatenate([mono(frame) for frame in frames], 1)
    np.testing.assert_allclose(mixed[0], (left + right) / 2, atol=1e-4)
    mixed = np.concatenate([stereo(frame) for frame in frames], 1)
    if "ltrt" in words:  # the surround, of level 0 here, would be in opposite phase; the centre is not softened
        left, right = channels[0] + channels[2], channels[1] + channels[2]
    np.testing.assert_allclose(mixed, [left, right], atol=1e-4)


@pytest.mark.parametrize("layout", ["5.1", "7.1", "quad"])
def test_never_louder_than_full_scale(tmp_path: Path, layout: str) -> None:
    wave = np.sign(tone(1.0, 48000, CHANNELS[layout], pitch=1000)) * 0.98
    sound = _sound(_make(tmp_path / "v.mkv", layout, wave.astype(np.float32)))
    assert np.abs(sound).max() == 1


def test_channels_without_a_layout_get_none(tmp_path: Path) -> None:
    wave = _noise(4, 0.9)
    path = _make(tmp_path / "v.mov", "4 channels", wave)
    assert probe(path).sound.layout == "4 channels"
    mean = np.concatenate(list(sound_seconds(probe(_make(tmp_path / "mono.mov", "mono", wave.mean(0)[None])))))
    assert _sound(path) == pytest.approx(mean, abs=1e-3)


def test_of_ambisonics_the_omnidirectional_channel_is_heard(tmp_path: Path) -> None:
    wave = _noise(4, 0.3) * 0.1
    wave[0] = tone(1.0, 48000, 1, level=0.4)
    path = _make(tmp_path / "v.mkv", "ambisonic 1", wave, "libopus", sound_options={"mapping_family": "2"})
    assert probe(path).sound.layout == "ambisonic 1"
    assert np.std(_sound(path)) == pytest.approx(0.4 / np.sqrt(2), rel=0.05)


def test_sound_leaves_memory_without_the_garbage_collector(tmp_path: Path) -> None:
    path = _make(tmp_path / "v.mkv", "5.1", _noise(6, seconds=3), "eac3")
    gc.collect()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        _sound(path)
        gc.collect()
        left = sum(isinstance(item, AudioFrame) for item in gc.garbage)
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()
    assert left == 0


def test_the_levels_may_change_midway(tmp_path: Path) -> None:
    wave = np.zeros((6, 48000), np.float32)
    wave[2] = tone(1.0, 48000, 1, level=0.4)  # front centre
    parts = [
        _make(tmp_path / f"{level}.ts", "5.1", wave, "ac3", sound_options={"center_mixlev": level})
        for level in ("0.707", "0.5")
    ]
    sound = _sound(join(tmp_path / "v.ts", parts))
    loud, soft = np.std(sound[4000:12000]), np.std(sound[20000:28000])
    assert loud / soft == pytest.approx(np.sqrt(2), rel=0.02)


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="needs the command ffmpeg")
@pytest.mark.parametrize("layout", ["5.1", "7.1"])
def test_the_command_ffmpeg_agrees(tmp_path: Path, layout: str) -> None:
    path = _make(tmp_path / "v.mkv", layout, _noise(CHANNELS[layout]), "flac")
    words = ["ffmpeg", "-v", "error", "-i", path, "-af", "aformat=flt:channel_layouts=stereo", "-f", "f32le", "-"]
    raw = subprocess.run(words, capture_output=True, check=True).stdout
    mixed = np.frombuffer(raw, np.float32).reshape(-1, 2).mean(1)
    mono = _make(tmp_path / "mono.mkv", "mono", mixed[None], "pcm_f32le")
    assert _decibels(_sound(path), _sound(mono)) == pytest.approx(0, abs=0.1)


def two_tracks(path: Path, default: int | None) -> Path:
    """Track 0 is soft, track 1 loud."""
    with av.open(str(path), "w") as output:
        images = output.add_stream("libx264", rate=10)
        images.height, images.width, images.pix_fmt = 32, 32, "yuv420p"
        tracks = [output.add_stream("pcm_s16le", rate=16000, layout="mono") for _ in range(2)]
        for number, track in enumerate(tracks):
            track.disposition = av.stream.Disposition.default if number == default else 0
        for number in range(10):
            image = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8))
            image.pts, image.time_base = number, Fraction(1, 10)
            output.mux(images.encode(image))
        output.mux(images.encode(None))
        for track, level in zip(tracks, (0.1, 0.6), strict=True):
            wave = (tone(1.0, 16000, 1, level=level) * 32767).astype(np.int16)
            frame = AudioFrame.from_ndarray(wave, format="s16", layout="mono")
            frame.sample_rate, frame.pts = 16000, 0
            output.mux(track.encode(frame))
            output.mux(track.encode(None))
    return path


@pytest.mark.parametrize(
    ("default", "track", "level"), [(0, None, 0.1), (1, None, 0.6), (None, None, 0.1), (0, 1, 0.6), (1, 0, 0.1)]
)
def test_the_default_track_or_the_one_asked_for(
    tmp_path: Path, default: int | None, track: int | None, level: float
) -> None:
    video = probe(two_tracks(tmp_path / "v.mkv", default), track)
    assert np.abs(next(sound_seconds(video))).max() == pytest.approx(level, abs=0.02)


@pytest.mark.parametrize("track", [2, -1])
def test_a_track_that_does_not_exist(tmp_path: Path, track: int) -> None:
    with pytest.raises(UserError, match=rf"v.mkv: --audio-track {track}: .*there are 0 \(pcm_s16le\), 1 \(pcm_s16le\)"):
        probe(two_tracks(tmp_path / "v.mkv", 0), track)


@pytest.mark.parametrize("layout", ["5.1(side)", "quad", "6.1", "7.1", "4 channels"])
@pytest.mark.parametrize(("suffix", "codec"), [("mov", "pcm_s16le"), ("mp4", "aac")])
def test_the_overlay_is_as_loud_as_its_source(tmp_path: Path, layout: str, suffix: str, codec: str) -> None:
    channels = CHANNELS.get(layout, 4)
    if (layout, codec) == ("4 channels", "aac"):
        pytest.skip("AAC has no channels without a layout")
    wave = np.stack([tone(1.0, 48000, 1, pitch=300 + 100 * channel, level=0.15)[0] for channel in range(channels)])
    source = probe(_make(tmp_path / f"v.{suffix}", layout, wave, codec))
    repaint(source, tmp_path / "overlay.mp4", lambda image, frame: image)
    overlay = probe(tmp_path / "overlay.mp4")
    assert overlay.sound.codec == "aac"
    copied = codec == "aac"
    assert overlay.sound.layout == (source.sound.layout if copied else "5.1" if layout == "5.1(side)" else "stereo")
    assert _decibels(_sound(overlay.path), _sound(source.path)) == pytest.approx(0, abs=0.3)


def test_the_overlay_of_loud_channels_does_not_clip_the_encoder(tmp_path: Path) -> None:
    wave = np.tile(tone(1.0, 48000, 1, pitch=1000, level=0.9), (4, 1))
    source = probe(_make(tmp_path / "v.mov", "4 channels", wave))
    repaint(source, tmp_path / "overlay.mp4", lambda image, frame: image)
    sound = _sound(tmp_path / "overlay.mp4")
    assert np.abs(sound).max() == pytest.approx(0.9, abs=0.05)
    assert np.std(sound[2000:-2000]) == pytest.approx(0.9 / np.sqrt(2), rel=0.02)


@pytest.mark.parametrize("codec", ["ac3", "eac3", "alac"])
def test_what_browsers_do_not_play_is_re_encoded(tmp_path: Path, codec: str) -> None:
    source = probe(_make(tmp_path / "v.mov", "stereo", _noise(2), codec))
    repaint(source, tmp_path / "overlay.mp4", lambda image, frame: image)
    assert probe(tmp_path / "overlay.mp4").sound.codec == "aac"


@pytest.mark.parametrize("channels", [3, 24])
def test_channels_without_a_layout_are_the_usual_ones(tmp_path: Path, channels: int) -> None:
    path = _make(tmp_path / "v.mkv", f"{channels} channels", _noise(channels), "pcm_s16le")
    assert _decibels(_sound(path), _reference(path)) == pytest.approx(0, abs=0.1)


@pytest.mark.filterwarnings("error")
def test_floating_point_above_full_scale_is_clipped(tmp_path: Path) -> None:
    wave = tone(1.0, 48000, 2, pitch=100, level=4.0)
    wave[:, 1000], wave[:, 2000] = np.inf, np.nan
    path = _make(tmp_path / "v.mkv", "stereo", wave, "pcm_f32le")
    sound = _sound(path)
    assert np.abs(sound).max() <= 1
    assert np.mean(np.abs(sound) > 0.9) > 0.7  # a sine of four times full scale, clipped
    repaint(probe(path), tmp_path / "overlay.mp4", lambda image, frame: image)
    assert _decibels(_sound(tmp_path / "overlay.mp4"), sound) == pytest.approx(0, abs=1)  # AAC at its usual bit rate


@pytest.mark.parametrize(("layout", "copied"), [("4.0", False), ("6.1(front)", False), ("quad", True), ("5.1", True)])
def test_flac_in_mp4_has_no_layout(tmp_path: Path, layout: str, copied: bool) -> None:
    channels = {"4.0": 4, "quad": 4, "5.1": 6}.get(layout, 7)
    wave = np.concatenate([tone(1.0, 48000, 1, pitch=200 + 90 * n, level=0.05 + 0.02 * n) for n in range(channels)])
    path = _make(tmp_path / "v.mkv", layout, wave, "flac")
    video = probe(path)
    plan = plan_sound(video)
    assert plan is not None
    assert (not plan.obstacle) == copied
    repaint(video, tmp_path / "overlay.mp4", lambda image, frame: image, plan)
    assert _decibels(_reference(tmp_path / "overlay.mp4"), _reference(path)) == pytest.approx(0, abs=0.3)
