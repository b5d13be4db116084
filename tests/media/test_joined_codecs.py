"""Recordings whose parts have open groups of pictures, another dynamic range or another codec."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.frame import VideoFrame

from avseg.media.frame_index import frame_index
from avseg.media.frames import frames, official_frames
from avseg.media.video import UprightRGB, Video, probe
from avseg.media.video_writer import repaint
from tests.media.joined import CLICK, clicks, drawn, flashes, join, make_part
from tests.media.make_video import make_video, numbered, read_number

FPS = 25
X265 = "log-level=none:pools=1:frame-threads=1"
# four frames between those that others refer to, so that 26 is no multiple: the first ones after a keyframe in coded
# order are displayed before it, and refer to the group before
OPEN = {
    "libx264": {"bf": "3", "x264-params": "open-gop=1:keyint=26:min-keyint=26:b-adapt=0:scenecut=0"},
    "libx265": {"x265-params": f"{X265}:open-gop=1:keyint=26:min-keyint=26:bframes=3:b-adapt=0:scenecut=0"},
}


def cut(source: Path, path: Path) -> Path:
    """Copy a video from its second keyframe on."""
    with av.open(str(source)) as reading, av.open(str(path), "w") as writing:
        stream = reading.streams.video[0]
        track = writing.add_stream_from_template(stream)
        keyframes = 0
        for packet in reading.demux(stream):
            keyframes += packet.is_keyframe
            if packet.dts is not None and keyframes > 1:
                packet.stream = track
                writing.mux(packet)
    return path


@pytest.mark.parametrize("codec", OPEN)
def test_a_part_that_begins_in_an_open_group(tmp_path: Path, codec: str) -> None:
    """Frames that refer to those before the cut are not shown, neither as damage nor as frames of the part before."""
    parts = [
        make_video(tmp_path / f"{first}.ts", frames=72, first=first, sound=None, codec=codec, options=OPEN[codec])
        for first in (0, 72)
    ]
    end = cut(parts[1], tmp_path / "end.ts")
    assert len(drawn(probe(end))) < len(probe(end).times)  # it has such frames
    video = probe(join(tmp_path / "v.ts", [parts[0], end]))
    shown = drawn(video)
    assert shown[:72] == list(range(72))
    assert shown[72:] == list(range(shown[72], 144))
    assert 98 <= shown[72] <= 100
    assert video.duration == pytest.approx(72 / FPS + 48 / FPS, abs=2 / FPS)
    repaint(video, tmp_path / "out.mp4", lambda image, frame: image)
    assert drawn(probe(tmp_path / "out.mp4")) == shown


def _write_hdr(path: Path, transfer: int) -> Path:
    """Write 25 numbered frames in BT.2020 with a transfer curve, 10 bits."""
    with av.open(str(path), "w") as output:
        parameters = f"{X265}:colorprim=bt2020:transfer={transfer}:colormatrix=bt2020nc"
        stream = output.add_stream("libx265", rate=FPS, options={"x265-params": parameters})
        stream.height, stream.width, stream.pix_fmt = 64, 96, "yuv420p10le"
        for number in range(25):
            image = VideoFrame.from_ndarray(numbered(number, 64, 96), format="rgb24").reformat(format="yuv420p10le")
            image.pts, image.time_base = number, Fraction(1, FPS)
            output.mux(stream.encode(image))
        output.mux(stream.encode(None))
    return path


def _pictures(video: Video) -> list[np.ndarray]:
    upright = UprightRGB(video.view, video.height, video.width)
    return [upright(frame.image) for frame in frames(video)]


@pytest.mark.parametrize("transfer", [16, 18])  # PQ, HLG
def test_each_part_keeps_its_dynamic_range(tmp_path: Path, transfer: int) -> None:
    hdr = _write_hdr(tmp_path / "hdr.ts", transfer)
    options = {"x265-params": X265}
    sdr = make_video(tmp_path / "sdr.ts", frames=25, first=25, sound=None, codec="libx265", options=options)
    assert next(frames(probe(hdr))).image.color_trc == transfer
    for parts in ([hdr, sdr], [sdr, hdr]):
        video = probe(join(tmp_path / "v.ts", parts))
        expected = [image for part in parts for image in _pictures(probe(part))]
        pictures = _pictures(video)
        assert len(pictures) == 50
        assert all(np.array_equal(*pair) for pair in zip(pictures, expected, strict=True))
        repaint(video, tmp_path / "out.mp4", lambda image, frame: image)
        overlay = _pictures(probe(tmp_path / "out.mp4"))
        assert max(np.abs(a.astype(int) - b).mean() for a, b in zip(overlay, expected, strict=True)) < 3


def test_a_part_of_another_codec_is_reported(tmp_path: Path) -> None:
    """FFmpeg decodes the first codec only; the frame before the joint stays, sound and length are those of both."""
    parts = [make_part(tmp_path / "a.ts", 0), make_part(tmp_path / "b.ts", 50, codec="mpeg2video")]
    video = probe(join(tmp_path / "v.ts", parts))
    assert [item.picture for item in video.breaks] == ["the frames after it cannot be decoded"]
    assert video.duration == pytest.approx(4, abs=0.1)
    assert flashes(video) == pytest.approx([CLICK], abs=0.01)
    assert clicks(video) == pytest.approx([CLICK, 2 + CLICK], abs=1 / FPS)
    upright = UprightRGB(video.view, video.height, video.width)
    with pytest.warns(UserWarning, match="cannot be decoded; frame .* is used instead"):
        shown = [read_number(upright(frame.image)) for frame in frame_index(video.path).decode(official_frames(video))]
    assert shown[0] == 23
    assert all(40 < number < 50 for number in shown[1:])  # the last frames before the joint may be lost
    assert len(shown) == 4
    repaint(video, tmp_path / "out.mp4", lambda image, frame: image)
    assert probe(tmp_path / "out.mp4").duration == pytest.approx(4, abs=0.1)
