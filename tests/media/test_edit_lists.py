"""Edit lists of MP4 that leave out, repeat or delay a part, as phones and editors write them."""

import struct
from pathlib import Path

import numpy as np
import pytest

from avseg.media.frame_index import frame_index
from avseg.media.video import probe
from avseg.media.video_writer import repaint
from tests.media.joined import CLICK, FPS, clicks, drawn, flashes, make_part

# edits as (seconds, first second of the medium or None if it is empty), and the frames that are shown
EDITS = {
    "a second is left out": ([(1.0, 0.0), (2.0, 2.0)], [*range(25), *range(50, 100)]),
    "a second is repeated": ([(1.0, 0.0), (1.0, 0.0), (2.0, 2.0)], [*range(25), *range(25), *range(50, 100)]),
    "the halves are exchanged": ([(2.0, 2.0), (2.0, 0.0)], [*range(50, 100), *range(50)]),
    "begins late": ([(1.5, None), (4.0, 0.0)], list(range(100))),
    "longer than the film": ([(60.0, 0.0)], list(range(100))),
}


def set_edits(path: Path, edits: list[tuple[float, float | None]]) -> Path:
    """Replace the edit lists of all tracks of an MP4 whose `moov` is its last box."""
    data = path.read_bytes()
    path.write_bytes(_edited(data, edits, 1000))
    return path


def _edited(data: bytes, edits: list[tuple[float, float | None]], scale: int) -> bytes:
    begin, result = 0, b""
    while begin < len(data):
        size, name = struct.unpack_from(">I4s", data, begin)
        content = data[begin + 8 : begin + size]
        if name == b"moov":
            content = _edited(content, edits, scale)
        elif name == b"mvhd":
            (scale,) = struct.unpack_from(">I", content, 12)
        elif name == b"trak":
            rate = struct.unpack_from(">I", content, content.index(b"mdhd") + 16)[0]
            first = struct.unpack_from(">i", content, content.index(b"elst") + 16)[0]  # frames are reordered
            content = _with_list(content, edits, scale, rate, first)
        result += struct.pack(">I4s", len(content) + 8, name) + content
        begin += size
    return result


def _with_list(track: bytes, edits: list[tuple[float, float | None]], scale: int, rate: int, first: int) -> bytes:
    rows = b""
    for seconds, begin in edits:
        start = -1 if begin is None else round(begin * rate) + first
        rows += struct.pack(">IiI", round(seconds * scale), start, 1 << 16)
    table = struct.pack(">I4sII", 16 + len(rows), b"elst", 0, len(edits)) + rows
    box = struct.pack(">I4s", 8 + len(table), b"edts") + table
    begin = track.index(b"edts") - 4
    return track[:begin] + box + track[begin + struct.unpack_from(">I", track, begin)[0] :]


@pytest.mark.parametrize("name", EDITS)
def test_shown_as_edited(tmp_path: Path, name: str) -> None:
    edits, numbers = EDITS[name]
    path = set_edits(make_part(tmp_path / "v.mp4", 0, frames=100), edits)
    video = probe(path)
    assert drawn(video) == numbers
    np.testing.assert_allclose(video.times, np.arange(len(numbers)) / FPS, atol=1e-3)
    assert video.duration == pytest.approx(len(numbers) / FPS, abs=1 / FPS)
    assert not video.breaks
    assert len(frame_index(path)) == len(numbers)
    flash = [numbers.index(12) / FPS] if numbers.count(12) == 1 else [CLICK, CLICK + 1]
    assert flashes(video) == pytest.approx(flash, abs=1e-3)
    if name != "a second is repeated":  # the encoder's first packet hides the click of the repetition
        assert clicks(video) == pytest.approx(flash, abs=1 / FPS)
    repaint(video, tmp_path / "overlay.mp4", lambda image, frame: image)
    overlay = probe(tmp_path / "overlay.mp4")
    assert drawn(overlay) == numbers
    assert overlay.duration == pytest.approx(video.duration, abs=1 / FPS)
