"""Masks and boxes of audible segments, looked up frame by frame in their arrays on disk.

A segment's folder holds `masks.npy` (n, H, W), bool or whole numbers with 0 = nothing, or `bbox.npy` (n, 4): left, top,
right, bottom in pixels of the video. Row 0 belongs to the segment's first frame. n may differ by one from the segment's
length: a row too many is left out, and the last row stands for one that is missing. The arrays are mapped for each look
and let go again, so that what was read does not stay in memory.
"""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from avseg.data.lu_avs.types import LUVideo, Segment
from avseg.media.frame_index import FrameIndex
from avseg.utils.errors import UserError

MASKS, BOXES = "masks.npy", "bbox.npy"
Boxes = npt.NDArray[np.float32]
Masks = npt.NDArray[np.bool_]


def check_video(video: LUVideo, index: FrameIndex) -> None:
    """Checks all segments of a video against its file and their arrays, without reading the arrays' content.

    Raises:
        UserError: a segment that ends more than one frame behind the video; an array that is missing, damaged, of
            another type, of another length than its segment by more than one, or of another size than the video.
    """
    size = (index.video.height, index.video.width)
    for segment in video.segments:
        if segment.end > len(index) + 1:
            raise UserError(
                f"{video.path}: segment {segment.start}-{segment.end} ends behind the video's {len(index)} frames; "
                "fetch the video again or correct the segment"
            )
        if segment.folder is None:
            continue
        if video.has_masks:
            _rows(segment, segment.folder / MASKS, size)
        if not video.has_masks or (segment.folder / BOXES).is_file():
            _rows(segment, segment.folder / BOXES, None)


def active(segment: Segment, frames: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Whether the segment sounds in each of these frames, (n,) -> (n,)."""
    return np.asarray((frames >= segment.start) & (frames < segment.end))


def segment_masks(segment: Segment, frames: npt.NDArray[np.int64], size: tuple[int, int]) -> Masks:
    """The masks of a segment.

    Args:
        segment: of a video with masks.
        frames: (n,) frame numbers; nothing is marked in those outside the segment.
        size: height and width of the video.

    Returns:
        (n, H, W)

    Raises:
        UserError: see `check_video`.
    """
    masks = np.zeros((len(frames), *size), np.bool_)
    on = active(segment, frames)
    if segment.folder is not None and on.any():
        rows = _rows(segment, segment.folder / MASKS, size)
        for place in np.flatnonzero(on):  # row by row: no second copy of the whole
            np.not_equal(rows[min(frames[place] - segment.start, len(rows) - 1)], 0, out=masks[place])
    return masks


def segment_boxes(segment: Segment, frames: npt.NDArray[np.int64], size: tuple[int, int], masks: Masks | None) -> Boxes:
    """The boxes of a segment: from `bbox.npy` where there is one, else around the masks.

    Rows that are NaN, or that hold no pixel of the picture, mean that nothing is seen in that frame.

    Args:
        segment: with a folder.
        frames: (n,) frame numbers.
        size: height and width of the video; boxes are cut to it.
        masks: (n, H, W), the segment's masks in these frames where the video has masks, else None.

    Returns:
        (n, 4); NaN where there is no box.

    Raises:
        UserError: see `check_video`.
    """
    on = active(segment, frames)
    boxes = np.full((len(frames), 4), np.nan, np.float32)
    if segment.folder is None or not on.any():
        return boxes
    path = segment.folder / BOXES
    if masks is not None and not path.is_file():
        return boxes_around(masks)
    rows = _rows(segment, path, None)
    boxes[on] = rows[np.minimum(frames[on] - segment.start, len(rows) - 1)]
    return cut_boxes(boxes, size)


def boxes_around(masks: Masks) -> Boxes:
    """The smallest boxes that hold the masks, (n, H, W) -> (n, 4) in pixels; NaN around an empty mask."""
    boxes = np.full((len(masks), 4), np.nan, np.float32)
    for box, mask in zip(boxes, masks, strict=True):
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        if len(rows):
            box[:] = columns[0], rows[0], columns[-1] + 1, rows[-1] + 1
    return boxes


def cut_boxes(boxes: Boxes, size: tuple[int, int]) -> Boxes:
    """Boxes (n, 4) cut to a picture of (height, width); NaN where nothing of one is left."""
    height, width = size
    with np.errstate(invalid="ignore"):
        cut = np.clip(boxes, 0, np.array([width, height, width, height], np.float32))
        seen = (cut[:, 2] > cut[:, 0]) & (cut[:, 3] > cut[:, 1])
    return np.where(seen[:, None], cut, np.nan).astype(np.float32)


def _rows(segment: Segment, path: Path, size: tuple[int, int] | None) -> npt.NDArray[np.generic]:
    """A segment's array, mapped and checked, at most as long as the segment; `size` for masks, None for boxes."""
    rows = _open(path)
    wanted = "(frames, 4)" if size is None else f"(frames, {size[0]}, {size[1]}), the size of its video"
    if rows.ndim != (2 if size is None else 3) or rows.shape[1:] != ((4,) if size is None else size):
        raise UserError(f"{path} has the shape {rows.shape}; expected {wanted}; download it again")
    kinds = "iuf" if size is None else "biu"
    if rows.dtype.kind not in kinds:
        allowed = "numbers" if size is None else "bool or whole numbers"
        raise UserError(f"{path} holds {rows.dtype}; expected {allowed}; download it again")
    length = segment.end - segment.start
    if abs(len(rows) - length) > 1 or len(rows) == 0:
        raise UserError(
            f"{path.parent} holds {len(rows)} rows for a segment of {length} frames ({segment.start}-{segment.end}); "
            "they may differ by one; download it again or correct the segment"
        )
    return rows[:length]


def _open(path: Path) -> npt.NDArray[np.generic]:
    if not path.is_file():
        raise UserError(f"{path} is missing; unpack the annotations again")
    try:
        rows: npt.NDArray[np.generic] = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{path} is not a readable array ({reason}); download it again") from error
    return rows
