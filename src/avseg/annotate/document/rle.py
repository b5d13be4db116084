"""Masks as COCO's run lengths, in pycocotools' compressed form: `{"size": [h, w], "counts": "..."}`, column by column.

pycocotools' decoder trusts what it is given and writes past the end of the mask where the runs are too long, so run
lengths, which come from outside, are read here.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from avseg.utils.errors import UserError

RLE = dict[str, Any]
Mask = npt.NDArray[np.bool_]

_MOST_DIGITS = 7  # of five bits each: more than any picture has pixels


def encode(mask: Mask) -> RLE:
    """Run lengths of a mask, (H, W) bool."""
    return {"size": [int(side) for side in mask.shape], "counts": encode_counts(mask).decode("ascii")}


def decode(rle: RLE) -> Mask:
    """The mask of run lengths, (H, W) bool.

    Raises:
        UserError: these are no run lengths of a mask.
    """
    return decode_counts(check(rle), *(int(side) for side in rle["size"]))


def encode_counts(mask: Mask) -> bytes:
    """The counts alone, as they are kept in memory."""
    counts: bytes = _pycocotools().encode(np.asfortranarray(mask, dtype=np.uint8))["counts"]
    return counts


def decode_counts(counts: bytes, height: int, width: int) -> Mask:
    """The mask of counts that were checked, (H, W) bool."""
    lengths = runs(counts)
    columns = np.repeat(np.arange(len(lengths)) % 2 == 1, lengths).reshape(width, height)
    return np.ascontiguousarray(columns.T)


def check(rle: object, size: tuple[int, int] | None = None) -> bytes:
    """The counts of run lengths from outside, once they are known to be a mask's.

    Args:
        rle: what claims to be run lengths.
        size: (H, W) that the mask must have; None = any.

    Raises:
        UserError: says what is wrong with them.
    """
    if not isinstance(rle, dict) or set(rle) != {"size", "counts"}:
        raise UserError('a mask must be run lengths: {"size": [h, w], "counts": "..."}')
    sides, counts = rle["size"], rle["counts"]
    whole = isinstance(sides, list | tuple) and all(type(side) is int and 0 < side <= 1 << 15 for side in sides)
    if not whole or len(sides) != 2:
        raise UserError(f"a mask's size must be [h, w], not {sides!r:.60}")
    if size is not None and tuple(sides) != size:
        raise UserError(f"a mask of {sides[0]}x{sides[1]} (height x width); the video has {size[0]}x{size[1]}")
    if isinstance(counts, str) and counts.isascii():
        counts = counts.encode("ascii")
    if not isinstance(counts, bytes):
        raise UserError("a mask's counts must be an ASCII text, pycocotools' compressed form")
    lengths = runs(counts)
    if lengths.min() < 0 or lengths.sum() != sides[0] * sides[1]:
        raise UserError(f"a mask's counts must be runs of {sides[0] * sides[1]} pixels in all")
    return counts


def runs(counts: bytes) -> npt.NDArray[np.int64]:
    """The lengths of the runs, of zeros first, (n,).

    Each is written in digits of five bits, lowest first, a sixth bit saying that another follows; from the fourth on
    as the difference to the length before the last.

    Raises:
        UserError: these bytes are no such numbers.
    """
    codes = np.frombuffer(counts, np.uint8).astype(np.int64) - 48
    if not len(codes) or codes.min() < 0 or codes.max() > 63 or codes[-1] & 32:
        raise UserError("a mask's counts are no run lengths in pycocotools' compressed form")
    last = np.flatnonzero((codes & 32) == 0)
    first = np.concatenate([[0], last[:-1] + 1])
    digit = np.arange(len(codes)) - np.repeat(first, last - first + 1)
    if digit.max() >= _MOST_DIGITS:
        raise UserError("a mask's counts hold a run longer than any picture")
    lengths = np.add.reduceat((codes & 31) << 5 * digit, first)
    lengths -= np.where(codes[last] & 16, 1 << 5 * (digit[last] + 1), 0)
    lengths[1::2] = np.cumsum(lengths[1::2])
    lengths[2::2] = np.cumsum(lengths[2::2])
    return lengths


def area(counts: bytes) -> int:
    """Pixels in the mask, without decoding it."""
    return int(runs(counts)[1::2].sum())


def _pycocotools() -> Any:
    try:
        from pycocotools import mask
    except ImportError:
        raise UserError("the annotation tool needs pycocotools: pip install 'avseg[annotate]'") from None
    return mask
