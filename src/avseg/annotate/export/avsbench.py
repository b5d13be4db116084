"""The layout of AVSBench: clips of five seconds with one frame and mask per second, in the settings MS3 or AVSS.

The frame of second l is int(l r + 15 r / 16) at the rounded frame rate r, as in the official preparation; see
`avseg.media.video.official_frames`.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from avseg.annotate.export.source import Source, painted
from avseg.annotate.media.sound import Sound
from avseg.data.avsbench.layout import SPLITS, AVSSLayout, ClipEntry, Layout, layout_for
from avseg.data.avsbench.writer import write_wav
from avseg.data.palette import voc_palette
from avseg.media.video import official_frames
from avseg.utils.errors import UserError, nearest

SETTINGS = ("ms3", "avss")
_BLACK_WHITE = [0] * 765 + [255] * 3  # the released MS3 masks: index 255 = sounding


def write(folder: Path, source: Source, *, setting: str = "ms3", split: str = "train") -> None:
    """Writes the video as clips one after the other; the last one ends with the last second, and so may overlap.

    Args:
        folder: an empty one.
        source: what to write.
        setting: "ms3", clips of 5 seconds, where a pixel sounds or not; "avss", clips of 10 seconds (5 where the video
            is shorter), a colour for each label, and where objects overlap the smaller one on top.
        split: "train", "val" or "test".

    Raises:
        UserError: an unknown setting or split; a video of less than 5 seconds; more than 255 labels.
    """
    _check(setting, split)
    layout = layout_for(setting, folder)
    chosen = official_frames(source.film.index.video)
    length = 10 if isinstance(layout, AVSSLayout) and len(chosen) >= 10 else 5
    if len(chosen) < length:
        raise UserError(f"{source.film.path.name} has {len(chosen)} seconds; a clip of AVSBench needs {length}")
    values = _values(layout, source)
    sound = Sound(source.film.path)
    entries = []
    for begin in clip_begins(len(chosen), length):
        frames = chosen[begin : begin + length]
        entry = _entry(layout, source, begin, frames, split)
        _write_pictures(layout, entry, source, frames, values)
        write_wav(layout.wav(entry), sound.read(begin * sound.rate, length * sound.rate), sound.rate)
        entries.append(entry)
    layout.write_index(entries)
    if isinstance(layout, AVSSLayout):
        names = {"background": 0, **{label: place for place, label in enumerate(source.labels, 1)}}
        layout.label_file.write_text(json.dumps(names, indent=2) + "\n", encoding="utf-8")


def clip_begins(seconds: int, length: int) -> list[int]:
    """The seconds at which the clips of a video begin."""
    begins = list(range(0, seconds - length + 1, length))
    return begins if begins[-1] + length == seconds else [*begins, seconds - length]


def _check(setting: str, split: str) -> None:
    if setting not in SETTINGS:
        raise UserError(f"setting '{setting}' is unknown; allowed: {', '.join(SETTINGS)}{nearest(setting, SETTINGS)}")
    if split not in SPLITS:
        raise UserError(f"split '{split}' is unknown; allowed: {', '.join(SPLITS)}{nearest(split, SPLITS)}")


def _values(layout: Layout, source: Source) -> dict[int, int]:
    """What a pixel of each object is written as: 255, or its label's class."""
    if not isinstance(layout, AVSSLayout):
        return dict.fromkeys(source.objects, 255)
    if len(source.labels) > 255:
        raise UserError(f"{len(source.labels)} labels: AVSS tells 255 apart; export lu_avs instead")
    return {object: source.labels.index(item.label) + 1 for object, item in source.objects.items()}


def _entry(layout: Layout, source: Source, begin: int, frames: list[int], split: str) -> ClipEntry:
    heard = sorted({source.objects[object].label for frame in frames for object in source.at(frame)})
    subset = ("v2" if len(frames) == 10 else "v1m") if isinstance(layout, AVSSLayout) else ""
    return ClipEntry(f"{source.id}_{begin}", "_".join(heard) or "silence", split, start=begin, subset=subset)


def _write_pictures(
    layout: Layout, entry: ClipEntry, source: Source, frames: list[int], values: Mapping[int, int]
) -> None:
    for frame, path in zip(frames, layout.frames(entry), strict=True):
        _save(Image.fromarray(source.film.picture(frame)), path)
    for mask, path in zip(_masks(layout, source, frames, values), layout.masks(entry), strict=True):
        _save(mask, path)


def _masks(layout: Layout, source: Source, frames: list[int], values: Mapping[int, int]) -> Iterator[Image.Image]:
    for frame in frames:
        picture = painted(source.masks(frame), values, source.size)
        yield _coloured(picture) if isinstance(layout, AVSSLayout) else _black_white(picture)


def _coloured(classes: npt.NDArray[np.uint8]) -> Image.Image:
    return Image.fromarray(voc_palette(256)[classes])


def _black_white(mask: npt.NDArray[np.uint8]) -> Image.Image:
    picture = Image.fromarray(mask).convert("L")
    picture.putpalette(_BLACK_WHITE)
    return picture


def _save(picture: Image.Image, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path, quality=95, subsampling=0, compress_level=3)
