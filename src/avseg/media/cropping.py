"""Read the cropping that a container requests, which FFmpeg's library leaves to its caller.

Matroska and WebM: PixelCropTop and others (RFC 9559, 5.1.4.1.28); MP4 and MOV: the clean aperture box `clap` (ISO/IEC
14496-12, 12.1.4). The cropping of the codec (H.264 and HEVC conformance window) is the decoder's.
"""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from avseg.media.upright import NO_CROP, Crop

_MAX_ELEMENTS = 10_000  # of one level; damaged sizes end the search
_SEGMENT, _TRACKS, _TRACK, _TYPE, _VIDEO, _CLUSTER = 0x18538067, 0x1654AE6B, 0xAE, 0x83, 0xE0, 0x1F43B675
_MATROSKA_CROP = (0x54CC, 0x54BB, 0x54DD, 0x54AA)  # left, top, right, bottom
_SAMPLE_HEADER = 78  # bytes of a video sample description before its boxes


class _Element(NamedTuple):
    """An element or box of a container: where its content begins and ends in the file."""

    name: int | bytes
    begin: int
    end: int


def read_crop(path: Path, container: str, track: int, height: int, width: int) -> Crop:
    """Return the pixels to remove from the stored frames, of this size, of a file's video track number `track`."""
    try:
        with path.open("rb") as file:
            if "matroska" in container:
                crop = _matroska_crop(file, track)
            elif "mp4" in container:
                crop = _clean_aperture(file, track, height, width)
            else:
                return NO_CROP
    except (OSError, struct.error, ZeroDivisionError, IndexError):
        return NO_CROP
    left, top, right, bottom = crop
    is_possible = min(crop) >= 0 and left + right < width and top + bottom < height
    return crop if is_possible else NO_CROP


def _matroska_crop(file: BinaryIO, track: int) -> Crop:
    size = file.seek(0, 2)
    for segment in _elements(file, 0, size):
        if segment.name != _SEGMENT:
            continue
        for level in _elements(file, segment.begin, segment.end):
            if level.name == _CLUSTER:
                return NO_CROP
            if level.name == _TRACKS:
                return _track_crop(file, level, track)
    return NO_CROP


def _track_crop(file: BinaryIO, tracks: _Element, track: int) -> Crop:
    count = 0
    for entry in _elements(file, tracks.begin, tracks.end):
        if entry.name != _TRACK:
            continue
        children = {child.name: child for child in _elements(file, entry.begin, entry.end)}
        if _number(file, children.get(_TYPE)) != 1 or _VIDEO not in children:
            continue
        if count == track:
            video = children[_VIDEO]
            values = {child.name: child for child in _elements(file, video.begin, video.end)}
            left, top, right, bottom = (_number(file, values.get(name)) for name in _MATROSKA_CROP)
            return left, top, right, bottom
        count += 1
    return NO_CROP


def _elements(file: BinaryIO, begin: int, end: int) -> Iterator[_Element]:
    """Yield the EBML elements of a range; one of unknown size extends to its end."""
    for _ in range(_MAX_ELEMENTS):
        if begin >= end:
            return
        file.seek(begin)
        head = file.read(12)
        name_length = 9 - head[0].bit_length()
        length = 9 - head[name_length].bit_length()
        if name_length > 4 or length > 8:
            return
        name = int.from_bytes(head[:name_length], "big")
        size = int.from_bytes(head[name_length : name_length + length], "big") & ((1 << 7 * length) - 1)
        content = begin + name_length + length
        stop = end if size == (1 << 7 * length) - 1 else min(content + size, end)
        yield _Element(name, content, stop)
        begin = stop


def _number(file: BinaryIO, element: _Element | None) -> int:
    """Read an unsigned integer; 0 if the element does not exist."""
    if element is None:
        return 0
    file.seek(element.begin)
    return int.from_bytes(file.read(min(element.end - element.begin, 8)), "big")


def _clean_aperture(file: BinaryIO, track: int, height: int, width: int) -> Crop:
    size = file.seek(0, 2)
    count = 0
    for movie in _boxes(file, 0, size, b"moov"):
        for trak in _boxes(file, movie.begin, movie.end, b"trak"):
            media = next(_boxes(file, trak.begin, trak.end, b"mdia"), None)
            if media is None or not _is_video(file, media):
                continue
            if count == track:
                return _read_clap(file, media, height, width)
            count += 1
    return NO_CROP


def _is_video(file: BinaryIO, media: _Element) -> bool:
    for handler in _boxes(file, media.begin, media.end, b"hdlr"):
        file.seek(handler.begin + 8)
        return file.read(4) == b"vide"
    return False


def _read_clap(file: BinaryIO, media: _Element, height: int, width: int) -> Crop:
    inner: _Element | None = media
    for name in (b"minf", b"stbl", b"stsd"):
        inner = next(_boxes(file, inner.begin, inner.end, name), None) if inner else None
    if inner is None:
        return NO_CROP
    for sample in _boxes(file, inner.begin + 8, inner.end):
        for box in _boxes(file, sample.begin + _SAMPLE_HEADER, sample.end, b"clap"):
            file.seek(box.begin)
            fields = struct.unpack(">4I2i2i", file.read(32))
            shown_width, shown_height = fields[0] / fields[1], fields[2] / fields[3]
            left = round((width - shown_width) / 2 + fields[4] / fields[5])
            top = round((height - shown_height) / 2 + fields[6] / fields[7])
            return left, top, round(width - shown_width) - left, round(height - shown_height) - top
        return NO_CROP
    return NO_CROP


def _boxes(file: BinaryIO, begin: int, end: int, name: bytes | None = None) -> Iterator[_Element]:
    """Yield the boxes of a range, or those of one name."""
    for _ in range(_MAX_ELEMENTS):
        if begin + 8 > end:
            return
        file.seek(begin)
        size, box_type = struct.unpack(">I4s", file.read(8))
        content = begin + 8
        if size == 1:
            (size,) = struct.unpack(">Q", file.read(8))
            content = begin + 16
        stop = end if size == 0 else begin + size
        if stop < content:
            return
        if name is None or box_type == name:
            yield _Element(box_type, content, min(stop, end))
        begin = stop
