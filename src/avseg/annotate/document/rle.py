"""Masks as COCO run lengths in the compressed form of pycocotools, `{"size": [h, w], "counts": "..."}`, column-major.

Decoding is done here because the decoder of pycocotools does not check its input: runs that are too long make it write
past the end of the mask, and run lengths come from outside.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
from typing_extensions import TypedDict

from avseg.utils.errors import UserError

Mask = npt.NDArray[np.bool_]

_MAX_DIGITS = 7  # of five bits each: more than any image has pixels
_MAX_SIDE = 1 << 15


class RLE(TypedDict):
    """Run lengths of a mask: `size` is [height, width], `counts` the compressed runs."""

    size: list[int]
    counts: str


def encode(mask: Mask) -> RLE:
    """Encode a mask, (H, W) bool."""
    return {"size": list(map(int, mask.shape)), "counts": encode_counts(mask).decode("ascii")}


def decode(rle: RLE) -> Mask:
    """Decode run lengths from outside into a mask, (H, W) bool; see `check`."""
    counts = check(rle)
    height, width = rle["size"]
    return decode_counts(counts, height, width)


def encode_counts(mask: Mask) -> bytes:
    """Encode a mask, (H, W) bool, as counts alone."""
    counts: bytes = _pycocotools().encode(np.asfortranarray(mask, dtype=np.uint8))["counts"]
    return counts


def decode_counts(counts: bytes, height: int, width: int) -> Mask:
    """Decode counts that were checked into a mask, (H, W) bool."""
    lengths = run_lengths(counts)
    columns = np.repeat(np.arange(len(lengths)) % 2 == 1, lengths).reshape(width, height)  # (W, H)
    return np.ascontiguousarray(columns.T)  # (H, W)


def check(rle: object, size: tuple[int, int] | None = None) -> bytes:
    """Validate run lengths from outside, optionally for a mask of the size (H, W), and return their counts.

    Raises:
        UserError: the run lengths are not those of a mask of this size.
    """
    if not isinstance(rle, dict) or set(rle) != {"size", "counts"}:
        raise UserError('a mask must be run lengths: {"size": [h, w], "counts": "..."}')
    counts = rle["counts"]
    height, width = _check_size(rle["size"])
    if size is not None and (height, width) != size:
        raise UserError(f"a mask of {height}x{width} (height x width); the video has {size[0]}x{size[1]}")
    if isinstance(counts, str) and counts.isascii():  # pycocotools takes and returns bytes
        counts = counts.encode("ascii")
    if not isinstance(counts, bytes):
        raise UserError("the counts of a mask must be ASCII text in the compressed form of pycocotools")
    lengths = run_lengths(counts)
    if lengths.min() < 0 or lengths.sum() != height * width:
        raise UserError(f"the counts of a mask must be runs of {height * width} pixels in all")
    return counts


def _check_size(size: object) -> tuple[int, int]:
    if not isinstance(size, list | tuple) or len(size) != 2:
        raise UserError(f"the size of a mask must be [h, w], not {size!r:.60}")
    for side in size:
        # bool is an int, too
        if type(side) is not int or not 0 < side <= _MAX_SIDE:
            raise UserError(f"the size of a mask must be [h, w], not {size!r:.60}")
    return size[0], size[1]


def run_lengths(counts: bytes) -> npt.NDArray[np.int64]:
    """Decompress counts into the lengths of the runs, (n,), starting with a run of zeros.

    Each length is written in digits of five bits, lowest first; a sixth bit marks that another digit follows. From the
    fourth length on, the difference to the length before the last is written.
    """
    codes = np.frombuffer(counts, np.uint8).astype(np.int64) - 48  # (bytes,): six bits each, from the character "0" on
    if not len(codes) or codes.min() < 0 or codes.max() > 63 or codes[-1] & 32:
        raise UserError("the counts of a mask are not run lengths in the compressed form of pycocotools")
    last = np.flatnonzero((codes & 32) == 0)  # (n,): position of the last digit of each length
    first = np.concatenate([[0], last[:-1] + 1])
    digit = np.arange(len(codes)) - np.repeat(first, last - first + 1)  # (bytes,): place value within its length
    if digit.max() >= _MAX_DIGITS:
        raise UserError("the counts of a mask contain a run longer than any image")
    lengths = np.add.reduceat((codes & 31) << 5 * digit, first)
    lengths -= np.where(codes[last] & 16, 1 << 5 * (digit[last] + 1), 0)  # bit 4 of the last digit is the sign
    # undo the differences, separately for runs of ones and of zeros
    lengths[1::2] = np.cumsum(lengths[1::2])
    lengths[2::2] = np.cumsum(lengths[2::2])
    return lengths


def _pycocotools() -> Any:
    try:
        from pycocotools import mask
    except ImportError:
        raise UserError("the annotation tool needs pycocotools: pip install 'avseg[annotate]'") from None
    return mask
