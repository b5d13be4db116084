"""What a mask of AVSBench may hold: two values (S4, MS3), or the colours of classes in spots of some size (AVSS)."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from avseg.data.index import ClipEntry
from avseg.data.palette import class_indices

Fault = tuple[str, str, str]  # kind, what, how to mend it
_ON = (1, 255)  # what marks a sounding pixel
_SHOWN = 6  # values that are named
_STRAY = "train on it as it is (`data.stray=background`), or with the nearest class: `data.stray=nearest`"
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

    @property
    def share(self) -> float:
        """Share of the picture that is marked."""
        return float(np.count_nonzero(self.labels)) / max(self.labels.size, 1)

    @property
    def classes(self) -> tuple[int, ...]:
        """The classes that occur, background left out."""
        return tuple(index for index in np.unique(self.labels).tolist() if index)


def mask_of(picture: Image.Image, rules: MaskRules) -> Mask:
    """A decoded picture as a mask."""
    if rules.names:
        rgb = np.asarray(picture.convert("RGB"))
        labels = class_indices(rgb, len(rules.names))
        black = rgb.any(-1)
        return Mask(labels, int(np.count_nonzero(black & (labels == 0))))
    values = _values(picture)
    found = np.unique(values)
    odd = [value for value in found.tolist() if value and value not in _ON]
    extra = len(odd) + (1 if not odd and {1, 255} <= set(found.tolist()) else 0)
    labels = (values >= 128 if rules.black_white and values.max(initial=0) > 1 else values > 0).astype(np.uint8)
    return Mask(labels, extra, tuple(str(value) for value in found.tolist()))


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
    yield from _small_spots(mask.labels, rules)
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


def _values(picture: Image.Image) -> npt.NDArray[np.int64]:
    """(H, W) values; a coloured picture by its brightest channel."""
    if picture.mode == "1":
        return np.asarray(picture, dtype=np.int64) * 255
    if picture.mode in ("L", "P", "I", "I;16"):
        return np.asarray(picture, dtype=np.int64)
    brightest: npt.NDArray[np.int64] = np.asarray(picture.convert("RGB"), dtype=np.int64).max(-1)
    return brightest


def _small_spots(labels: npt.NDArray[np.uint8], rules: MaskRules) -> Iterator[Fault]:
    """Connected pixels (sides and corners) of one class that are fewer than `least`."""
    from scipy import ndimage

    around = np.ones((3, 3))
    for index in np.unique(labels).tolist():
        if index == 0:
            continue
        spots, count = ndimage.label(labels == index, structure=around)
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
