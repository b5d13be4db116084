"""Masks and boxes of audible segments, read frame by frame from their arrays on disk.

The folder of a segment holds `masks.npy` (n, H, W), bool or integers with 0 = background, or `bbox.npy` (n, 4): left,
top, right, bottom in pixels of the video. Row 0 belongs to the first frame of the segment. n may differ by one from the
length of the segment: a surplus row is ignored, and the last row is repeated for a missing one. The arrays are mapped
for each access and closed again, so that what was read does not stay in memory.
"""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from avseg.data.lu_avs.types import LUVideo, Segment
from avseg.media.frame_index import FrameIndex
from avseg.utils.errors import UserError

MASKS, BOXES = "masks.npy", "bbox.npy"
Boxes = npt.NDArray[np.float32]  # (n, 4)
Masks = npt.NDArray[np.bool_]  # (n, H, W)


def check_video(video: LUVideo, index: FrameIndex) -> None:
    """Check all segments of a video against its file and their arrays, without reading the content of the arrays.

    Raises:
        UserError: a segment that ends more than one frame after the video; an array that is missing, damaged, of an
            unexpected type or of a size other than the video's, or whose length differs from its segment by more than
            one.
    """
    size = (index.video.height, index.video.width)
    for segment in video.segments:
        if segment.end > len(index) + 1:
            raise UserError(
                f"{video.path}: segment {segment.start}-{segment.end} ends after the video's {len(index)} frames; "
                "fetch the video again or correct the segment"
            )
        if segment.folder is None:
            continue
        if video.has_masks:
            _open_rows(segment, segment.folder / MASKS, size)
        if not video.has_masks or (segment.folder / BOXES).is_file():
            _open_rows(segment, segment.folder / BOXES, None)


def is_sounding(segment: Segment, frames: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Return True for each frame in which the segment sounds, (n,) -> (n,)."""
    return np.asarray((frames >= segment.start) & (frames < segment.end))


def segment_masks(segment: Segment, frames: npt.NDArray[np.int64], size: tuple[int, int]) -> Masks:
    """Read the masks of a segment in the given frames of its video of `size` (height, width), (n,) -> (n, H, W).

    Masks are empty outside of the segment. Errors as in `check_video`.
    """
    masks = np.zeros((len(frames), *size), np.bool_)  # (n, H, W)
    on = is_sounding(segment, frames)
    if segment.folder is not None and on.any():
        rows = _open_rows(segment, segment.folder / MASKS, size)
        for i in np.flatnonzero(on):  # row by row: no second copy of the whole array
            row = min(frames[i] - segment.start, len(rows) - 1)
            np.not_equal(rows[row], 0, out=masks[i])
    return masks


def segment_boxes(segment: Segment, frames: npt.NDArray[np.int64], size: tuple[int, int], masks: Masks | None) -> Boxes:
    """Read the boxes of a segment from `bbox.npy` if it exists, otherwise compute them from the masks, (n,) -> (n, 4).

    Rows that are NaN or contain no pixel of the image mean that the object is not visible in that frame. `masks` are
    those of the frames, (n, H, W), if the video has masks. Boxes are clipped to `size`. Errors as in `check_video`.
    """
    on = is_sounding(segment, frames)
    boxes = np.full((len(frames), 4), np.nan, np.float32)
    if segment.folder is None or not on.any():
        return boxes
    path = segment.folder / BOXES
    if masks is not None and not path.is_file():
        return boxes_around(masks)
    rows = _open_rows(segment, path, None)
    boxes[on] = rows[np.minimum(frames[on] - segment.start, len(rows) - 1)]
    return cut_boxes(boxes, size)


def boxes_around(masks: Masks) -> Boxes:
    """Compute the bounding boxes of masks, (n, H, W) -> (n, 4) in pixels; NaN for an empty mask."""
    boxes = np.full((len(masks), 4), np.nan, np.float32)
    for box, mask in zip(boxes, masks, strict=True):
        rows = np.flatnonzero(mask.any(axis=1))  # y of the pixels
        columns = np.flatnonzero(mask.any(axis=0))  # x of the pixels
        if len(rows):
            box[:] = columns[0], rows[0], columns[-1] + 1, rows[-1] + 1  # left, top, right, bottom
    return boxes


def cut_boxes(boxes: Boxes, size: tuple[int, int]) -> Boxes:
    """Clip boxes (n, 4) to an image of (height, width); NaN for boxes outside of it."""
    height, width = size
    with np.errstate(invalid="ignore"):
        cut = np.clip(boxes, 0, np.array([width, height, width, height], np.float32))
        is_inside = (cut[:, 2] > cut[:, 0]) & (cut[:, 3] > cut[:, 1])  # (n,); False for NaN
    return np.where(is_inside[:, None], cut, np.nan).astype(np.float32)


def _open_rows(segment: Segment, path: Path, size: tuple[int, int] | None) -> npt.NDArray[np.generic]:
    """Map and check the array of a segment, cut to the length of the segment; `size` for masks, None for boxes."""
    rows = _map_array(path)
    row_shape = (4,) if size is None else size
    if rows.shape[1:] != row_shape:
        expected = "(frames, 4)" if size is None else f"(frames, {size[0]}, {size[1]}), the size of its video"
        raise UserError(f"{path} has the shape {rows.shape}; expected {expected}; download it again")
    if rows.dtype.kind not in ("iuf" if size is None else "biu"):
        allowed = "numbers" if size is None else "bool or whole numbers"
        raise UserError(f"{path} contains {rows.dtype}; expected {allowed}; download it again")
    length = segment.end - segment.start
    if abs(len(rows) - length) > 1 or len(rows) == 0:
        raise UserError(
            f"{path.parent} holds {len(rows)} rows for a segment of {length} frames ({segment.start}-{segment.end}); "
            "they may differ by one; download it again or correct the segment"
        )
    return rows[:length]  # without a surplus row


def _map_array(path: Path) -> npt.NDArray[np.generic]:
    if not path.is_file():
        raise UserError(f"{path} is missing; unpack the annotations again")
    try:
        rows: npt.NDArray[np.generic] = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{path} is not a readable array ({reason}); download it again") from error
    return rows
