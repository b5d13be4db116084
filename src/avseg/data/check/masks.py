"""Check the content of AVSBench masks: two values (S4, MS3), or class colours in spots of some size (AVSS)."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy import ndimage

from avseg.data.check.findings import Finding
from avseg.data.palette import voc_palette
from avseg.data.setting import ClipEntry

_STRAY_CLASS = 255
_MAX_LISTED = 6  # values listed in a message
_FIX_VALUES = "fetch it again, or save it as black and white without smoothing, never as JPEG"
_FIX_COLOUR = "train on it as it is (counted as background), or as the nearest class: `data.stray=nearest`"
_FIX_SPOT = "leave it, or correct the label; it is part of the data set as released"
_FIX_CLASS = "leave it, or correct the label or the index"


@dataclass(frozen=True)
class MaskRules:
    """Allowed content of the masks of a set."""

    names: tuple[str, ...] = ()  # AVSS: class names by index, background first; () for black and white masks
    min_pixels: int = 10  # AVSS: smallest spot of one class that counts as an object
    # True if the bright half of the values marks (S4), False if every value but 0 does (MS3)
    by_brightness: bool = False


@dataclass(frozen=True, eq=False)
class Mask:
    """A decoded mask."""

    labels: npt.NDArray[np.uint8]  # (H, W) class ids, 1 = sounding
    odd: int  # number of values a black and white mask should not hold; for AVSS number of pixels of no class
    values: tuple[str, ...] = ()  # values of a black and white mask

    @cached_property
    def pixels(self) -> npt.NDArray[np.int64]:
        """Number of pixels of each class, background first."""
        return np.bincount(self.labels.reshape(-1), minlength=1)

    @property
    def share(self) -> float:
        """Share of the image that is marked."""
        return int(self.pixels[1:].sum()) / max(self.labels.size, 1)

    @property
    def classes(self) -> tuple[int, ...]:
        """Ids of the classes that occur, without the background."""
        return tuple((np.flatnonzero(self.pixels[1:]) + 1).tolist())


def decode_mask(image: Image.Image, rules: MaskRules) -> Mask:
    """Convert a decoded image to a mask."""
    if rules.names:
        return _decode_colours(image, len(rules.names))
    return _decode_black_white(image, rules.by_brightness)


def _decode_colours(image: Image.Image, classes: int) -> Mask:
    rgb = np.asarray(image.convert("RGB")).astype(np.int32)  # (H, W, 3)
    # the colour as one number is the index into the table
    labels = _class_of_colour(classes)[(rgb[..., 0] << 16) | (rgb[..., 1] << 8) | rgb[..., 2]]  # (H, W)
    stray = labels == _STRAY_CLASS
    return Mask(np.where(stray, 0, labels).astype(np.uint8), int(np.count_nonzero(stray)))


def _decode_black_white(image: Image.Image, by_brightness: bool) -> Mask:
    pixels = _grey_values(image)
    values = np.unique(pixels).tolist()
    # 1 and 255 both mean "sounding", but only one of them may occur
    odd = len(set(values) - {0, 1, 255}) + int({1, 255} <= set(values))
    marked = pixels >= 128 if by_brightness and values[-1] > 1 else pixels > 0
    return Mask(marked.astype(np.uint8), odd, tuple(map(str, values)))


def check_mask(mask: Mask, rules: MaskRules, entry: ClipEntry, file: str) -> Iterator[Finding]:
    """Yield the defects of a mask's values; `file` is its path for the findings."""
    if not rules.names:
        if mask.odd:
            listed = ", ".join(mask.values[:_MAX_LISTED]) + (", ..." if len(mask.values) > _MAX_LISTED else "")
            text = f"holds {len(mask.values)} values ({listed}); expected 0 and 255"
            yield Finding("mask values", file, text, _FIX_VALUES)
        return
    if mask.odd:
        yield Finding("stray colour", file, f"{mask.odd} pixels have colours that belong to no class", _FIX_COLOUR)
    for class_id, sizes in _spot_sizes(mask):
        small = sizes[sizes < rules.min_pixels]
        if len(small):
            spots = f"{len(small)} spot{'s' if len(small) > 1 else ''} of '{rules.names[class_id]}'"
            text = f"{spots} under {rules.min_pixels} pixels ({int(small.sum())} in all)"
            yield Finding("stray pixels", file, text, _FIX_SPOT)
    named = named_classes(entry.category, rules.names)
    foreign = set() if named is None else set(mask.classes) - named
    if foreign:
        names = ", ".join(map(rules.names.__getitem__, sorted(foreign)))
        yield Finding("class", file, f"marks {names}, the clip's label is '{entry.category}'", _FIX_CLASS)


def _spot_sizes(mask: Mask) -> Iterator[tuple[int, npt.NDArray[np.int64]]]:
    """Yield each class and the pixel counts of its connected spots (by sides and corners)."""
    boxes = ndimage.find_objects(mask.labels)
    for class_id in mask.classes:
        # only in the bounding box of the class, which is faster than in the whole image
        spots, count = ndimage.label(mask.labels[boxes[class_id - 1]] == class_id, structure=np.ones((3, 3)))
        yield class_id, np.bincount(spots.reshape(-1), minlength=count + 1)[1:]


def named_classes(label: str, names: tuple[str, ...]) -> set[int] | None:
    """Return the ids of the classes that a clip's label ("dog_man", "cat") names; None if any part is not a class.

    Class names may contain underscores themselves, so the longest names are matched first.
    """
    unmatched = f"_{_normalise(label)}_"  # with marks at both ends, so that "cat" is not found in "cattle"
    class_ids: set[int] = set()
    for class_id in sorted(range(1, len(names)), key=lambda class_id: -len(names[class_id])):
        name = f"_{_normalise(names[class_id])}_"
        while name in unmatched:
            class_ids.add(class_id)
            unmatched = unmatched.replace(name, "_")
    return class_ids if class_ids and not unmatched.strip("_") else None


def _normalise(name: str) -> str:
    for mark in (" ", "-", ",", ";", "/"):
        name = name.replace(mark, "_")
    return name.lower()


@lru_cache(maxsize=2)
def _class_of_colour(classes: int) -> npt.NDArray[np.uint8]:
    """Return the (2^24,) class of each colour: four times as fast as searching the palette."""
    table = np.full(1 << 24, _STRAY_CLASS, np.uint8)
    red, green, blue = voc_palette(classes).astype(np.int64).T
    table[(red << 16) | (green << 8) | blue] = np.arange(classes)
    return table


def _grey_values(image: Image.Image) -> npt.NDArray[np.int64]:
    """Return (H, W) values; a colour image by its brightest channel."""
    if image.mode == "1":
        return np.asarray(image, dtype=np.int64) * 255
    if image.mode in ("L", "P", "I", "I;16"):
        return np.asarray(image, dtype=np.int64)
    brightest: npt.NDArray[np.int64] = np.asarray(image.convert("RGB"), dtype=np.int64).max(-1)
    return brightest
