"""Overlays play everywhere: faststart, yuv420p, even sizes, no B-frames, the colours and the length of the source."""

from pathlib import Path

import av
import numpy as np
import pytest
from av.video.frame import PictureType, VideoFrame

from avseg.media.frames import frames
from avseg.media.video import probe
from avseg.media.video_writer import ImageTrack, repaint
from tests.media.make_video import make_video


def _overlay(source: Path) -> Path:
    repaint(probe(source), source.with_name("overlay.mp4"), lambda image, frame: image)
    return source.with_name("overlay.mp4")


def _boxes(path: Path) -> list[str]:
    """The names of the boxes at the top of an MP4 file."""
    data, position, names = path.read_bytes(), 0, []
    while position < len(data):
        names.append(data[position + 4 : position + 8].decode())
        position += int.from_bytes(data[position : position + 4], "big")
    return names


@pytest.mark.parametrize("size", [(64, 96), (65, 97), (64, 97)])
def test_plays_everywhere(tmp_path: Path, size: tuple[int, int]) -> None:
    source = make_video(tmp_path / "v.mkv", frames=30, size=size, codec="ffv1", pix_fmt="yuv444p")
    path = _overlay(source)
    names = _boxes(path)
    assert names.index("moov") < names.index("mdat")
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.codec_tag == "avc1"
        assert stream.format.name == "yuv420p"
        assert (stream.height, stream.width) == (size[0] + size[0] % 2, size[1] + size[1] % 2)
        kinds = {frame.pict_type for frame in container.decode(stream)}
    assert kinds == {PictureType.I, PictureType.P}


def test_the_encoder_takes_every_option(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left = []
    close = ImageTrack.close
    monkeypatch.setattr(
        ImageTrack, "close", lambda self, end: (close(self, end), left.append(self.stream.codec_context.options))
    )
    _overlay(make_video(tmp_path / "v.mp4", frames=3))
    assert left == [{}]  # PyAV leaves what the encoder does not know


def _write_ramp(path: Path, pix_fmt: str, values: np.ndarray, **tags: int) -> Path:
    """A second of vertical grey stripes of 16 pixels with these luma values."""
    deep = "10" in pix_fmt
    with av.open(str(path), "w") as output:
        stream = output.add_stream("ffv1" if path.suffix == ".mkv" else "libx265", rate=4)
        stream.height, stream.width, stream.pix_fmt = 32, 16 * len(values), pix_fmt
        for name, value in tags.items():
            setattr(stream.codec_context, name, value)
        for number in range(4):
            frame = VideoFrame(stream.width, 32, pix_fmt)
            for plane, content in zip(
                frame.planes, (np.repeat(values, 16), *[[512 if deep else 128]] * 2), strict=True
            ):
                rows = np.zeros((plane.height, plane.line_size // (2 if deep else 1)), "<u2" if deep else np.uint8)
                rows[:, : plane.width] = content
                plane.update(rows.tobytes())
            for name, value in tags.items():
                setattr(frame, name, value)
            frame.pts = number
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


def _stripes(path: Path) -> np.ndarray:
    """The RGB values in the middle of each stripe, as a player shows them."""
    with av.open(str(path)) as container:
        image = next(container.decode(video=0)).to_ndarray(format="rgb24")
    return image[16, 8::16].astype(int)


@pytest.mark.parametrize(("color_range", "values"), [(2, [0, 64, 128, 192, 255]), (1, [16, 71, 126, 181, 235])])
def test_the_range_of_colours_stays(tmp_path: Path, color_range: int, values: list[int]) -> None:
    source = _write_ramp(tmp_path / "v.mkv", "yuv420p", np.array(values), color_range=color_range)
    stripes = _stripes(_overlay(source))
    assert stripes == pytest.approx(np.tile([[0], [64], [128], [192], [255]], 3), abs=3)
    with av.open(str(source.with_name("overlay.mp4"))) as container:
        assert container.streams.video[0].codec_context.color_range != 2  # limited, also if it is not written


def _pq(nits: np.ndarray) -> np.ndarray:
    """SMPTE ST 2084."""
    power = (nits / 10_000) ** 0.1593017578125
    return ((0.8359375 + 18.8515625 * power) / (1 + 18.6875 * power)) ** 78.84375


def _hlg(nits: np.ndarray) -> np.ndarray:
    """ARIB STD-B67 on a screen of 1000 cd/m2."""
    scene = (nits / 1000) ** (1 / 1.2)
    bright = 0.17883277 * np.log(np.maximum(12 * scene - 0.28466892, 1e-9)) + 0.55991073
    return np.where(scene <= 1 / 12, np.sqrt(3 * scene), bright)


@pytest.mark.parametrize(("curve", "code"), [(_pq, 16), (_hlg, 18)])
def test_high_dynamic_range_is_tone_mapped(tmp_path: Path, curve: object, code: int) -> None:
    nits = np.array([0, 5, 20, 60, 203, 400, 700, 1000])
    values = np.round(64 + 876 * curve(nits)).astype(int)  # type: ignore[operator]
    tags = {"colorspace": 9, "color_primaries": 9, "color_trc": code, "color_range": 1}
    path = _overlay(_write_ramp(tmp_path / "v.mkv", "yuv420p10le", values, **tags))
    stripes = _stripes(path)
    assert np.ptp(stripes, axis=1).max() <= 4  # grey stays grey
    grey = stripes.mean(1)
    assert (np.diff(grey) > 5).all()  # nothing is clipped
    # as on an ordinary screen with its white at 203 cd/m2: sRGB of the light below the knee, white above
    light = nits[:4] / 203
    shown = 255 * np.where(light < 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    assert grey[:4] == pytest.approx(shown, abs=3)
    assert grey[4] == pytest.approx(214, abs=6)
    assert grey[-1] == pytest.approx(255, abs=3)
    with av.open(str(path)) as container:
        context = container.streams.video[0].codec_context
        assert (context.colorspace, context.color_primaries, context.color_trc) == (1, 1, 1)


def test_hdr_colours_keep_their_hue(tmp_path: Path) -> None:
    """The red, green and blue of BT.709, stored in the gamut of BT.2020, are red, green and blue again."""
    from av.video.reformatter import VideoReformatter

    from avseg.media.tone_mapping import tone_map

    # linear BT.709 -> BT.2020, ITU-R BT.2087, at 100 cd/m2
    matrix = np.array([[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]])
    colours = _pq(np.maximum(matrix @ (100 * np.eye(3)), 0)).T  # (3, RGB)
    pixels = np.repeat(np.round(colours * 65535).astype(np.uint16)[None], 2, 0)
    frame = VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb48le")
    frame.color_trc, frame.color_primaries = 16, 9
    shown = tone_map(frame, 2, 3, VideoReformatter())[0].astype(int)
    for channel, colour in enumerate(shown):
        assert colour[channel] > 150
        assert max(np.delete(colour, channel)) < 25


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("v.mp4", {"times": [0, 0.04, 0.5, 0.9, 1.3, 1.31, 1.95, 2.4, 3.5], "frames": 9}),
        ("v.mkv", {"times": [0, 0.1, 0.2, 2.9], "frames": 4, "sound": "flac"}),
        ("v.mp4", {"rate": 1, "frames": 3}),
        ("v.ts", {"rate": 50, "frames": 101, "sample_rate": 48000}),
        ("v.gif", {"codec": "gif", "pix_fmt": "rgb8", "sound": None, "rate": 10, "frames": 15}),
    ],
)
def test_the_length_is_that_of_the_source(tmp_path: Path, name: str, options: dict[str, object]) -> None:
    source = make_video(tmp_path / name, **options)  # type: ignore[arg-type]
    before = probe(source)
    path = _overlay(source)
    after = probe(path)
    frame = 1 / before.frame_rate
    assert after.duration == pytest.approx(before.duration, abs=min(frame, 0.05))
    assert after.times == pytest.approx(before.times, abs=2e-3)
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert float(stream.duration * stream.time_base) == pytest.approx(before.duration, abs=min(frame, 0.05))
    assert len(list(frames(after))) == len(before.times)
