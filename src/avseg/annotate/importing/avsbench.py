"""Import from AVSBench: one mask per second; an object sounds in the seconds in which it has a mask.

MS3 does not name its objects, so they become one object, "sounding". AVSS yields one object per class, S4 one of the
clip's category.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from avseg.annotate.importing.document_writer import DocumentWriter
from avseg.annotate.protocols import Mask
from avseg.data.avsbench.avss import read_class_names
from avseg.data.avsbench.layout import Layout, layout_for
from avseg.data.palette import class_indices
from avseg.data.setting import SETTINGS, ClipEntry
from avseg.media.frames import official_frames
from avseg.utils.errors import UserError

UNNAMED = "sounding"


def read(writer: DocumentWriter, root: Path) -> None:
    """Add the annotations of a video's clips."""
    layout = _find_layout(root)
    video = writer.video
    frame_of_second = official_frames(video.index.video)
    masks_of_label: dict[str, dict[int, Mask]] = {}  # by label, then by second
    for entry, start in _clips(layout, writer.video_id):
        for second, path in enumerate(layout.masks(entry), start):
            if second >= len(frame_of_second):
                raise UserError(f"{path}: second {second} is after the end of {video.path.name}")
            for label, mask in _read_masks(layout, entry, path, writer.size):
                masks_of_label.setdefault(label, {})[second] = mask
    # sorted, so that ids of objects do not depend on the order of the clips
    for label, masks in sorted(masks_of_label.items()):
        spans = [video.frame_span(first, min(last, video.duration)) for first, last in _runs(sorted(masks))]
        object_id = writer.object_with(label, "", spans)
        for start, end in spans:
            writer.add_segment(object_id, start, end)
        for second, mask in sorted(masks.items()):
            writer.set_mask(object_id, frame_of_second[second], mask)


def _find_layout(root: Path) -> Layout:
    layouts = [layout_for(setting, root) for setting in SETTINGS]
    for layout in layouts:
        if layout.index_file.is_file():
            return layout
    names = ", ".join(layout.index_name for layout in layouts)
    raise UserError(f"{root}: contains no index of AVSBench ({names})")


def _clips(layout: Layout, video_id: str) -> list[tuple[ClipEntry, int]]:
    """Return the clips of a video with their start second: the video itself, or all `{video_id}_{second}`."""
    full, sections = [], []
    for entry in layout.read_index():
        stem, _, second = entry.name.rpartition("_")
        if entry.name == video_id:
            full.append((entry, 0))
        elif stem == video_id and second.isdecimal():
            sections.append((entry, int(second)))
    if not full and not sections:
        raise UserError(f"{layout.index_file}: has no clip '{video_id}' or '{video_id}_SECOND'")
    return full or sorted(sections, key=lambda clip: clip[1])


def _read_masks(layout: Layout, entry: ClipEntry, path: Path, size: tuple[int, int]) -> Iterator[tuple[str, Mask]]:
    """Yield the labels in a mask image with their masks at the video's size."""
    try:
        with Image.open(path) as image:
            values = np.asarray(image.convert("RGB") if layout.setting.semantic else image)
    except (OSError, ValueError) as error:
        raise UserError(f"{path} is not a readable image ({error}); fetch it again") from None
    if layout.label_file is not None:
        names = read_class_names(layout.label_file)
        classes = class_indices(values, len(names))  # (H, W)
        for value in np.unique(classes[classes > 0]):
            yield names[value], _resize(np.asarray(classes == value), size)
    elif values.any():
        label = entry.category if layout.setting.single_source else UNNAMED
        # any value but 0 sounds, in any channel
        yield label, _resize(np.asarray(values.reshape(*values.shape[:2], -1).any(-1)), size)


def _resize(mask: Mask, size: tuple[int, int]) -> Mask:
    """Resize to the video's size by nearest neighbour; the released masks are 224 x 224."""
    if mask.shape == size:
        return mask
    return np.asarray(Image.fromarray(mask).resize(size[::-1], Image.Resampling.NEAREST), np.bool_)


def _runs(seconds: list[int]) -> list[tuple[int, int]]:
    """Group ascending seconds into half-open runs without gaps."""
    runs: list[tuple[int, int]] = []
    for second in seconds:
        if runs and runs[-1][1] == second:
            runs[-1] = (runs[-1][0], second + 1)
        else:
            runs.append((second, second + 1))
    return runs
