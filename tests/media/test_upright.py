"""Frames as players show them: display matrices, cropping, transparency."""

import gc
import struct
from pathlib import Path

import av
import numpy as np
import pytest
from av.bitstream import BitStreamFilterContext
from av.video.frame import VideoFrame

from avseg.annotate.media.video import open_reader
from avseg.data.lu_avs.resize import Fit
from avseg.data.lu_avs.streaming import read_frames
from avseg.data.prepare.images import FrameDecoder, write_frames
from avseg.media.frame_index import frame_index
from avseg.media.frames import frames
from avseg.media.images import open_image
from avseg.media.video import UprightRGB, Video, probe
from avseg.media.video_writer import repaint
from tests.media.joined import join
from tests.media.make_video import make_video

COLOURS = {"red": (200, 30, 30), "green": (30, 160, 30), "blue": (30, 30, 220), "white": (235, 235, 235)}
ONE = 1 << 16
# (a, b, c, d) of the matrix: a stored pixel (x, y) is shown at (a x + c y, b x + d y)
MATRICES = {
    "as stored": (1, 0, 0, 1),
    "turned right": (0, 1, -1, 0),
    "upside down": (-1, 0, 0, -1),
    "turned left": (0, -1, 1, 0),
    "hflip": (-1, 0, 0, 1),
    "vflip": (1, 0, 0, -1),
    "transpose": (0, 1, 1, 0),
    "transverse": (0, -1, -1, 0),
    "odd angle": (0.9, 0.43, -0.43, 0.9),
    "twice as large": (-2, 0, 0, 2),
}


def corners() -> np.ndarray:
    """Draw an image (64, 96, 3) of four colours."""
    image = np.zeros((64, 96, 3), np.uint8)
    image[:32, :48], image[:32, 48:], image[32:, :48], image[32:, 48:] = COLOURS.values()
    return image


def write_corners(path: Path, matrix: tuple[float, float, float, float] = (1, 0, 0, 1), aspect: int = 1) -> Path:
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=5)
        stream.height, stream.width, stream.pix_fmt = 64, 96, "yuv420p"
        stream.codec_context.sample_aspect_ratio = aspect
        a, b, c, d = (round(value * ONE) for value in matrix)
        if matrix != (1, 0, 0, 1):
            stream.set_display_matrix([a, b, 0, c, d, 0, 0, 0, 1 << 30])
        for number in range(3):
            frame = VideoFrame.from_ndarray(corners(), format="rgb24")
            frame.pts = number
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


def shown_corners(image: np.ndarray) -> list[str]:
    """Name the colours top left, top right, bottom left, bottom right."""
    height, width = image.shape[:2]
    names = list(COLOURS)
    result = []
    for top in (height // 4, 3 * height // 4):
        for left in (width // 4, 3 * width // 4):
            distances = [np.abs(image[top, left].astype(int) - colour).sum() for colour in COLOURS.values()]
            result.append(names[int(np.argmin(distances))])
    return result


def expected_corners(matrix: tuple[float, float, float, float]) -> list[str]:
    """Move the corners by the matrix, independently of the code under test."""
    a, b, c, d = np.round(np.array(matrix) / np.abs(matrix).max())
    shown = {}
    for name, (x, y) in zip(COLOURS, [(-1, -1), (1, -1), (-1, 1), (1, 1)], strict=True):
        shown[b * x + d * y, a * x + c * y] = name
    return [shown[place] for place in [(-1, -1), (-1, 1), (1, -1), (1, 1)]]


def every_view(path: Path, folder: Path) -> dict[str, np.ndarray]:
    """Read the last frame by all verbs."""
    index = frame_index(path)
    video = index.video
    size = (video.height, video.width)
    upright = UprightRGB(video.view, *size)
    views = {"frames": [upright(frame.image) for frame in frames(video)][-1]}
    views["LU-AVS"] = read_frames(index, np.array([2]), size)[0].permute(1, 2, 0).numpy()
    with open_reader(path, folder / "cache") as reader:
        views["annotation"] = reader.image(2)
        assert (reader.height, reader.width) == size
    with open_reader(path, folder / "cache") as reader:  # from the cache
        views["annotation again"] = reader.image(2)
    write_frames(FrameDecoder(video, strict=True), {2: [folder / "frame.png"]}, 64)
    views["prepare"] = np.array(open_image(folder / "frame.png"))
    repaint(video, folder / "out.mp4", lambda image, frame: image)
    views["overlay"] = _last(probe(folder / "out.mp4"))
    return views


def _last(video: Video) -> np.ndarray:
    assert video.rotation == 0
    return [UprightRGB(0, video.height, video.width)(frame.image) for frame in frames(video)][-1]


@pytest.mark.parametrize("name", MATRICES)
def test_every_verb_applies_the_display_matrix(tmp_path: Path, name: str) -> None:
    matrix = MATRICES[name]
    path = write_corners(tmp_path / "v.mp4", matrix)
    video = probe(path)
    sideways = abs(matrix[1]) > abs(matrix[0])
    assert (video.height, video.width) == ((96, 64) if sideways else (64, 96))
    for verb, image in every_view(path, tmp_path).items():
        assert shown_corners(image) == expected_corners(matrix), verb


def orient(source: Path, path: Path, orientation: str) -> Path:
    """Copy an H.264 track with an SEI message of its orientation at the keyframes."""
    with av.open(str(source)) as reading, av.open(str(path), "w") as writing:
        stream = reading.streams.video[0]
        track = writing.add_stream_from_template(stream)
        bitstream_filter = BitStreamFilterContext(
            f"h264_metadata=display_orientation=insert:{orientation}", stream, track
        )
        for packet in reading.demux(stream):
            for filtered in bitstream_filter.filter(packet if packet.dts is not None else None):
                filtered.stream = track
                writing.mux(filtered)
    return path


@pytest.mark.parametrize("angle", [0, 90, 180, 270])  # counter-clockwise, after the flip (H.264, D.2.27)
@pytest.mark.parametrize("flip", ["", "horizontal", "vertical"])
def test_the_orientation_of_the_stream_counts(tmp_path: Path, angle: int, flip: str) -> None:
    source = write_corners(tmp_path / "plain.mp4")
    orient(source, tmp_path / "v.ts", f"rotate={angle}" + (f":flip={flip}" if flip else ""))
    stored = corners()
    stored = stored[:, ::-1] if flip == "horizontal" else stored[::-1] if flip == "vertical" else stored
    expected = shown_corners(np.rot90(stored, angle // 90))
    for verb, image in every_view(tmp_path / "v.ts", tmp_path).items():
        assert shown_corners(image) == expected, verb


def test_frames_leave_memory_without_the_garbage_collector(tmp_path: Path) -> None:
    """A frame whose side data was read refers to itself: a film would fill the memory until the collector comes."""
    video = probe(make_video(tmp_path / "v.mp4", frames=60, sound=None, options={"g": "1"}))  # keyframes only
    reader = open_reader(video.path)
    gc.collect()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        repaint(video, tmp_path / "painted.mp4", lambda image, frame: image)
        assert sum(1 for _ in frames(video)) == 60
        for number in range(60):
            reader.image(number)
        gc.collect()
        left = sum(isinstance(item, VideoFrame) for item in gc.garbage)
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()
    assert left == 0


def test_the_orientation_may_change_at_a_joint(tmp_path: Path) -> None:
    plain = write_corners(tmp_path / "plain.ts")
    sideways = orient(plain, tmp_path / "sideways.ts", "rotate=90")
    video = probe(join(tmp_path / "v.ts", [plain, sideways, plain]))
    assert (video.height, video.width, len(video.times)) == (64, 96, 9)
    changes = [item.picture.removeprefix("the picture changes ") for item in video.breaks]
    turned = "64x96 turned by 90 degrees"
    assert changes == [f"from 96x64 to {turned}", f"from {turned} to 96x64"]

    as_stored = shown_corners(corners())
    turned_left = shown_corners(np.rot90(corners()))
    expected = [as_stored] * 3 + [turned_left] * 3 + [as_stored] * 3
    upright = UprightRGB(video.view, video.height, video.width)
    for numbers in (range(9), [7, 4, 1, 5, 3, 8]):  # only the first of three frames is a keyframe
        shown = [shown_corners(upright(frame.image)) for frame in frame_index(video.path).decode(numbers)]
        assert shown == [expected[number] for number in numbers]
    repaint(video, tmp_path / "out.mp4", lambda image, frame: image)
    copied = probe(tmp_path / "out.mp4")
    upright = UprightRGB(copied.view, copied.height, copied.width)
    assert [shown_corners(upright(frame.image)) for frame in frames(copied)] == expected
    with open_reader(video.path) as reader:
        assert [shown_corners(reader.image(number)) for number in range(9)] == expected


def test_frames_keep_their_views(tmp_path: Path) -> None:
    sideways = orient(write_corners(tmp_path / "plain.ts"), tmp_path / "v.ts", "rotate=90")
    kept = []
    for frame in frames(probe(sideways)):
        kept = [*kept[-1:], frame.image]  # frames leave one after the other
        assert [image.opaque.rotation for image in kept] == [90] * len(kept)


@pytest.mark.parametrize("name", ["v.ts", "v.mp4"])  # with and without a joint
def test_a_change_to_a_vertical_flip_is_seen(tmp_path: Path, name: str) -> None:
    """Its angle is 0, as without a display matrix."""
    plain = write_corners(tmp_path / "plain.ts")
    parts = [plain, orient(plain, tmp_path / "flipped.ts", "rotate=0:flip=vertical"), plain]
    path = join(tmp_path / "v.ts", parts)
    if name == "v.mp4":
        path = tmp_path / name
        with av.open(str(path), "w") as writing:
            track = None
            for number, part in enumerate(parts):
                with av.open(str(part)) as reading:
                    for packet in reading.demux(video=0):
                        if packet.dts is not None:
                            track = track or writing.add_stream_from_template(packet.stream)
                            packet.dts += number * 54_000  # 3 frames
                            packet.pts += number * 54_000
                            packet.stream = track
                            writing.mux(packet)
    video = probe(path)
    assert len(video.breaks) == (2 if name == "v.ts" else 0)
    as_stored, flipped = shown_corners(corners()), shown_corners(corners()[::-1])
    expected = [as_stored] * 3 + [flipped] * 3 + [as_stored] * 3
    upright = UprightRGB(video.view, video.height, video.width)
    assert [shown_corners(upright(frame.image)) for frame in frames(video)] == expected
    repaint(video, tmp_path / "out.mp4", lambda image, frame: image)
    copied = probe(tmp_path / "out.mp4")
    upright = UprightRGB(copied.view, copied.height, copied.width)
    assert [shown_corners(upright(frame.image)) for frame in frames(copied)] == expected


def _crop_matroska(path: Path, first: bytes, second: bytes) -> None:
    """Replace the display unit, and what follows the description of the picture, by two elements of cropping."""
    data = path.read_bytes()
    old = b"\xe0\x8a\xb0\x81\x60\xba\x81\x40\x54\xb2\x81\x04\x55\xee\x81\x00"
    assert old in data
    path.write_bytes(data.replace(old, old[:1] + b"\x8e" + old[2:8] + first + second))


@pytest.mark.parametrize(
    ("elements", "kept"),
    [
        ((b"\x54\xcc\x81\x08", b"\x54\xbb\x81\x06"), (slice(6, 64), slice(8, 96))),  # left 8, top 6
        ((b"\x54\xdd\x81\x30", b"\x54\xaa\x81\x20"), (slice(0, 32), slice(0, 48))),  # right 48, bottom 32
    ],
)
def test_matroska_is_cropped(tmp_path: Path, elements: tuple[bytes, bytes], kept: tuple[slice, slice]) -> None:
    path = write_corners(tmp_path / "v.mkv")
    whole = _last(probe(path))
    _crop_matroska(path, *elements)
    for verb, image in every_view(path, tmp_path).items():
        if verb != "prepare":
            assert image.shape == whole[kept].shape, verb
            assert np.abs(image.astype(int) - whole[kept]).mean() < 3, verb


def _insert(data: bytes, path: list[bytes], box: bytes) -> bytes:
    """Append a box at the end of a nested MP4 box."""
    if not path:
        return data + box
    skip = {b"stsd": 8, b"avc1": 78}
    at = 0
    while data[at + 4 : at + 8] != path[0]:
        at += struct.unpack_from(">I", data, at)[0]
    (size,) = struct.unpack_from(">I", data, at)
    head = at + 8 + skip.get(path[0], 0)
    inner = data[at + 8 : head] + _insert(data[head : at + size], path[1:], box)
    return data[:at] + struct.pack(">I", 8 + len(inner)) + path[0] + inner + data[at + size :]


@pytest.mark.parametrize("matrix", [(1, 0, 0, 1), (0, 1, -1, 0)])
def test_the_clean_aperture_of_mp4_is_kept(tmp_path: Path, matrix: tuple[int, int, int, int]) -> None:
    path = write_corners(tmp_path / "v.mp4", matrix)
    # 48 x 32 around a centre 20 to the right of the middle and 10 above
    clap = struct.pack(">I4s4I4i", 40, b"clap", 48, 1, 32, 1, 20, 1, -10, 1)
    names = [b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd", b"avc1"]
    whole = _last(probe(write_corners(tmp_path / "plain.mp4")))
    path.write_bytes(_insert(path.read_bytes(), names, clap))
    kept = whole[6:38, 44:92]
    expected = np.rot90(kept, -1) if matrix[1] else kept
    image = every_view(path, tmp_path)["frames"]
    assert image.shape == expected.shape
    assert np.abs(image.astype(int) - expected).mean() < 3


def test_the_window_of_the_codec_is_the_decoders(tmp_path: Path) -> None:
    for codec in ("libx264", "libx265"):
        options = {"x265-params": "log-level=none"} if codec == "libx265" else {}
        video = probe(make_video(tmp_path / f"{codec}.mp4", frames=3, size=(50, 90), codec=codec, options=options))
        assert (video.height, video.width) == (50, 90)


@pytest.mark.parametrize("name", ["as stored", "transpose"])
@pytest.mark.parametrize(("codec", "encoder"), [("h264", "libx264"), ("hevc", "libx265")])
def test_columns_at_the_left_are_removed_exactly(tmp_path: Path, codec: str, encoder: str, name: str) -> None:
    options = {"x265-params": "log-level=none"} if codec == "hevc" else {}
    source = make_video(tmp_path / "whole.mp4", frames=3, sound=None, codec=encoder, options=options)
    whole = _last(probe(source))
    matrix = MATRICES[name]
    with av.open(str(source)) as reading, av.open(str(tmp_path / "v.mp4"), "w") as writing:
        stream = reading.streams.video[0]
        track = writing.add_stream_from_template(stream)
        a, b, c, d = (value * ONE for value in matrix)
        track.set_display_matrix([a, b, 0, c, d, 0, 0, 0, 1 << 30])
        crop = BitStreamFilterContext(f"{codec}_metadata=crop_left=6:crop_top=4:crop_right=24", stream, track)
        for packet in reading.demux(stream):
            for filtered in crop.filter(packet if packet.dts is not None else None):
                filtered.stream = track
                writing.mux(filtered)
    kept = whole[4:, 6:72]
    expected = kept if name == "as stored" else kept.transpose(1, 0, 2)
    for verb, image in every_view(tmp_path / "v.mp4", tmp_path).items():
        if verb != "prepare":
            assert image.shape == expected.shape, verb
            assert np.abs(image.astype(int) - expected).mean() < 3, verb


def test_alpha_is_shown_on_black(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "v.mov"), "w") as output:
        stream = output.add_stream("qtrle", rate=5)
        stream.height, stream.width, stream.pix_fmt = 64, 96, "argb"
        for number in range(3):
            image = np.full((64, 96, 4), 200, np.uint8)
            image[:, :48, 3] = 0
            image[:, 48:, 3] = 255
            frame = VideoFrame.from_ndarray(image, format="rgba").reformat(format="argb")
            frame.pts = number
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    for verb, image in every_view(tmp_path / "v.mov", tmp_path).items():
        width = image.shape[1]
        assert image[:, : width // 2 - 8].max() < 12, verb
        assert np.abs(image[:, width // 2 + 8 :].astype(int) - 200).max() < 12, verb


@pytest.mark.parametrize(
    ("name", "matrix"), [("v.mp4", (1, 0, 0, 1)), ("v.mkv", (1, 0, 0, 1)), ("t.mp4", (0, 1, -1, 0))]
)
def test_pixels_that_are_not_square(tmp_path: Path, name: str, matrix: tuple[int, int, int, int]) -> None:
    video = probe(write_corners(tmp_path / name, matrix, aspect=2))
    shown = (64, 192) if matrix[0] else (192, 64)
    assert (video.height, video.width) == ((64, 96) if matrix[0] else (96, 64))  # the masks have the stored pixels
    assert video.pixel_aspect == (2 if matrix[0] else 0.5)
    assert Fit(short_side=32).frame_size(video) == (shown[0] // 2, shown[1] // 2)
    repaint(video, tmp_path / "out.mp4", lambda image, frame: image)
    overlay = probe(tmp_path / "out.mp4")
    assert (overlay.height, overlay.width, overlay.pixel_aspect) == (video.height, video.width, video.pixel_aspect)
