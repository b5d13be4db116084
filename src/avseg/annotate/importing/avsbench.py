"""From AVSBench: a mask per second; an object sounds in the seconds in which it is marked.

MS3 does not name its objects: there all of them are one, "sounding". AVSS has one object for each class, S4 one of the
clip's category.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from avseg.annotate.importing.document_writer import Target
from avseg.data.avsbench.avss import read_class_names
from avseg.data.avsbench.layout import SETTINGS, AVSSLayout, ClipEntry, Layout, S4Layout, layout_for
from avseg.data.palette import class_indices
from avseg.media.video import official_frames
from avseg.utils.errors import UserError

UNNAMED = "sounding"
Masks = dict[str, dict[int, npt.NDArray[np.bool_]]]  # by label, then by second


def read(target: Target, root: Path) -> None:
    """Adds what the clips of a video say.

    Raises:
        UserError: see `avseg.annotate.importing.import_`.
    """
    layout = _layout(root)
    chosen = official_frames(target.film.index.video)
    marked: Masks = {}
    for entry, begin in _clips(layout, target.id):
        for place, path in enumerate(layout.masks(entry)):
            if begin + place >= len(chosen):
                raise UserError(f"{path}: second {begin + place} is behind the end of {target.film.path.name}")
            for label, mask in _read(layout, entry, path, target.size):
                marked.setdefault(label, {})[begin + place] = mask
    for label, masks in sorted(marked.items()):
        object = target.add_object(label)
        for first, last in _runs(sorted(masks)):
            target.add_segment(object, *target.film.frame_span(first, min(last, target.film.duration)))
        for second, mask in sorted(masks.items()):
            target.set_mask(object, chosen[second], mask)


def _layout(root: Path) -> Layout:
    layouts = [layout_for(setting, root) for setting in SETTINGS]
    found = [layout for layout in layouts if layout.index_file.is_file()]
    if not found:
        raise UserError(f"{root}: holds no index of AVSBench ({', '.join(layout.index_name for layout in layouts)})")
    return found[0]


def _clips(layout: Layout, name: str) -> list[tuple[ClipEntry, int]]:
    """The clips of a video with the seconds at which they begin: the video itself, or `{name}_{second}`."""
    entries = layout.read_index()
    same = [(entry, 0) for entry in entries if entry.name == name]
    stems = [(entry, entry.name.rpartition("_")) for entry in entries]
    parts = [(entry, int(last)) for entry, (stem, _, last) in stems if stem == name and last.isdecimal()]
    if not same and not parts:
        raise UserError(f"{layout.index_file}: has no clip '{name}' or '{name}_SECOND'")
    return same or sorted(parts, key=lambda part: part[1])


def _read(
    layout: Layout, entry: ClipEntry, path: Path, size: tuple[int, int]
) -> Iterator[tuple[str, npt.NDArray[np.bool_]]]:
    """The marked labels of a picture with their masks at the video's size."""
    try:
        with Image.open(path) as picture:
            values = np.asarray(picture.convert("RGB") if isinstance(layout, AVSSLayout) else picture)
    except (OSError, ValueError) as error:
        raise UserError(f"{path} is not a readable picture ({error}); fetch it again") from None
    if isinstance(layout, AVSSLayout):
        names = read_class_names(layout.label_file)
        classes = class_indices(values, len(names))
        for value in np.unique(classes[classes > 0]):
            yield names[value], _fitted(np.asarray(classes == value), size)
    elif values.any():
        label = entry.category if isinstance(layout, S4Layout) else UNNAMED
        yield label, _fitted(np.asarray(values.reshape(*values.shape[:2], -1).any(-1)), size)


def _fitted(mask: npt.NDArray[np.bool_], size: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """At the video's size, nearest neighbour; the released ones are 224 x 224."""
    if mask.shape == size:
        return mask
    return np.asarray(Image.fromarray(mask).resize(size[::-1], Image.Resampling.NEAREST), np.bool_)


def _runs(seconds: list[int]) -> list[tuple[int, int]]:
    """Runs of seconds that follow one another, half-open."""
    runs: list[tuple[int, int]] = []
    for second in seconds:
        if runs and runs[-1][1] == second:
            runs[-1] = (runs[-1][0], second + 1)
        else:
            runs.append((second, second + 1))
    return runs
