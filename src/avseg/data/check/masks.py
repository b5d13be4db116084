"""What a mask of AVSBench may hold: two values (S4, MS3), or the colours of classes in spots of some size (AVSS)."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import numpy.typing as npt
from PIL import Image

from avseg.data.avsbench.index import ClipEntry
from avseg.data.palette import voc_palette

Fault = tuple[str, str, str]  # kind, what, how to mend it
_ON = (1, 255)  # what marks a sounding pixel
_STRAY_CLASS = 255
_SHOWN = 6  # values that are named
_STRAY = "train on it as it is, they count as background; or as the nearest class: `data.options.stray=nearest`"
_SPOT = "leave it, or correct the label; it is part of the data set as released"
_CLASS = "leave it, or correct the label or the index"


@dataclass(frozen=True)
class MaskRules:
    """What is asked of masks.

    Attributes:
        names: AVSS: class names by index, background first; () for black and white masks.
        least: AVSS: the smallest spot of one class that may be an object, in pixels.
        black_white: S4: brightness decides; MS3: every value but 0 marks.
    """

    names: tuple[str, ...] = ()
    least: int = 10
    black_white: bool = False


@dataclass(frozen=True, eq=False)
class Mask:
    """A mask that was read.

    Attributes:
        labels: (H, W) class indices, 1 = sounding.
        odd: the values that a black and white mask should not hold; for AVSS the number of pixels of no class.
        values: for black and white masks the values found.
    """

    labels: npt.NDArray[np.uint8]
    odd: int
    values: tuple[str, ...] = ()

    @cached_property
    def pixels(self) -> npt.NDArray[np.int64]:
        """Number of pixels of each class, background first."""
        return np.bincount(self.labels.reshape(-1), minlength=1)

    @property
    def share(self) -> float:
        """Share of the picture that is marked."""
        return int(self.pixels[1:].sum()) / max(self.labels.size, 1)

    @property
    def classes(self) -> tuple[int, ...]:
        """The classes that occur, background left out."""
        return tuple(index for index in np.flatnonzero(self.pixels).tolist() if index)


def mask_of(picture: Image.Image, rules: MaskRules) -> Mask:
    """A decoded picture as a mask."""
    return _colour_mask(picture, len(rules.names)) if rules.names else _plain_mask(picture, rules.black_white)


def _colour_mask(picture: Image.Image, classes: int) -> Mask:
    colours = np.asarray(picture.convert("RGB")).astype(np.int32)
    labels = _class_table(classes)[(colours[..., 0] << 16) | (colours[..., 1] << 8) | colours[..., 2]]
    stray = labels == _STRAY_CLASS
    return Mask(np.where(stray, 0, labels).astype(np.uint8), int(np.count_nonzero(stray)))


def _plain_mask(picture: Image.Image, black_white: bool) -> Mask:
    values = _values(picture)
    found = np.unique(values).tolist()
    odd = len([value for value in found if value and value not in _ON]) + int({1, 255} <= set(found))
    marked = values >= 128 if black_white and found[-1] > 1 else values > 0
    return Mask(marked.astype(np.uint8), odd, tuple(str(value) for value in found))


def check_mask(mask: Mask, rules: MaskRules, entry: ClipEntry) -> Iterator[Fault]:
    """What is wrong with the values of a mask."""
    if not rules.names:
        if mask.odd:
            more = ", ..." if len(mask.values) > _SHOWN else ""
            text = f"holds {len(mask.values)} values ({', '.join(mask.values[:_SHOWN])}{more}); expected 0 and 255"
            yield "mask values", text, "fetch it again, or save it as black and white without smoothing, never as JPEG"
        return
    if mask.odd:
        yield "stray colour", f"{mask.odd} pixels carry colours of no class", _STRAY
    yield from _small_spots(mask, rules)
    yield from _foreign_classes(mask, rules, entry)


def named_classes(label: str, names: tuple[str, ...]) -> set[int] | None:
    """The classes that a clip's label ("dog_man", "cat") names; None where a part of it is no class.

    Class names may hold underscores themselves: the longest are taken first.
    """
    rest, found = f"_{_plain(label)}_", set()
    for index, name in sorted(enumerate(names), key=lambda pair: -len(pair[1])):
        part = f"_{_plain(name)}_"
        if index and part in rest:
            found.add(index)
            while part in rest:
                rest = rest.replace(part, "_")
    return found if found and not rest.strip("_") else None


def _plain(name: str) -> str:
    for mark in (" ", "-", ",", ";", "/"):
        name = name.replace(mark, "_")
    return name.lower()


@lru_cache(maxsize=2)
def _class_table(classes: int) -> npt.NDArray[np.uint8]:
    """(2^24,) the class of each colour: four times as fast as a search among the colours, for whole data sets."""
    table = np.full(1 << 24, _STRAY_CLASS, np.uint8)
    red, green, blue = voc_palette(classes).astype(np.int64).T
    table[(red << 16) | (green << 8) | blue] = np.arange(classes)
    return table


def _values(picture: Image.Image) -> npt.NDArray[np.int64]:
    """(H, W) values; a coloured picture by its brightest channel."""
    if picture.mode == "1":
        return np.asarray(picture, dtype=np.int64) * 255
    if picture.mode in ("L", "P", "I", "I;16"):
        return np.asarray(picture, dtype=np.int64)
    brightest: npt.NDArray[np.int64] = np.asarray(picture.convert("RGB"), dtype=np.int64).max(-1)
    return brightest


def _small_spots(mask: Mask, rules: MaskRules) -> Iterator[Fault]:
    """Connected pixels (sides and corners) of one class that are fewer than `least`."""
    from scipy import ndimage

    boxes = ndimage.find_objects(mask.labels)
    for index in mask.classes:
        spots, count = ndimage.label(mask.labels[boxes[index - 1]] == index, structure=np.ones((3, 3)))
        sizes = np.bincount(spots.reshape(-1), minlength=count + 1)[1:]
        small = sizes[sizes < rules.least]
        if len(small):
            what = "spot" if len(small) == 1 else "spots"
            size = f"under {rules.least} pixels ({int(small.sum())} in all)"
            text = f"{len(small)} {what} of '{rules.names[index]}' {size}"
            yield "stray pixels", text, _SPOT


def _foreign_classes(mask: Mask, rules: MaskRules, entry: ClipEntry) -> Iterator[Fault]:
    named = named_classes(entry.category, rules.names)
    foreign = [rules.names[index] for index in mask.classes if named is not None and index not in named]
    if foreign:
        yield "class", f"marks {', '.join(foreign)}, the clip's label is '{entry.category}'", _CLASS
