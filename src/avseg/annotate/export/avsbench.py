"""Export the layout of AVSBench: clips with one frame and mask per second, in the settings MS3 or AVSS.

The frame of second l is int(l r + 15 r / 16) at the rounded frame rate r, as in the official preparation; see
`avseg.media.frames.official_frames`.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL import Image

from avseg.annotate.export.source import ExportSource, flatten_masks
from avseg.annotate.media.sound import Sound
from avseg.data.avsbench.layout import Layout, layout_for
from avseg.data.avsbench.writer import write_wav
from avseg.data.palette import voc_palette
from avseg.data.setting import SPLITS, ClipEntry
from avseg.media.frames import official_frames
from avseg.utils.choices import check_choice
from avseg.utils.errors import UserError

SETTINGS = ("ms3", "avss")
_BLACK_WHITE = [0] * 765 + [255] * 3  # palette of the released MS3 masks: index 255 = sounding


def write(folder: Path, source: ExportSource, *, setting: str = "ms3", split: str = "train") -> None:
    """Write the video as consecutive clips; the last one ends with the last second, so it may overlap.

    "ms3" has clips of 5 seconds with binary masks; "avss" has clips of 10 seconds (5 if the video is shorter) with a
    class per label; smaller masks are drawn over larger ones.
    """
    check_choice("setting", setting, SETTINGS)
    check_choice("split", split, SPLITS)
    layout = layout_for(setting, folder)
    write_index(layout, write_video(layout, source, split), source.labels)


def write_video(layout: Layout, source: ExportSource, split: str) -> list[ClipEntry]:
    """Write frames, masks and sound of the clips of a video; return their entries in the index."""
    frame_of_second = official_frames(source.video.index.video)
    seconds = len(frame_of_second)
    # v2 clips of AVSS have 10 seconds, v1m clips 5
    length = 10 if layout.setting.semantic and seconds >= 10 else 5
    if seconds < length:
        raise UserError(f"{source.video.path.name} has {seconds} seconds; a clip of AVSBench needs {length}")
    values = _mask_values(layout, source)
    sound = Sound(source.video.path, audio_track=source.video.audio_track)
    entries = []
    for start in clip_starts(seconds, length):
        frames = frame_of_second[start : start + length]
        entry = _entry(layout, source, start, frames, split)
        _write_images(layout, entry, source, frames, values)
        write_wav(layout.wav(entry), sound.read(start * sound.rate, length * sound.rate), sound.rate)
        entries.append(entry)
    return entries


def write_index(layout: Layout, entries: Sequence[ClipEntry], labels: Sequence[str]) -> None:
    """Write the index of all clips, and the names of the classes if the setting has some."""
    layout.write_index(entries)
    if layout.label_file is not None:
        names = ["background", *labels]
        classes = dict(zip(names, range(len(names)), strict=True))
        layout.label_file.write_text(json.dumps(classes, indent=2) + "\n", encoding="utf-8")


def clip_starts(seconds: int, length: int) -> list[int]:
    """Return the seconds at which the clips of a video start."""
    starts = list(range(0, seconds - length + 1, length))
    return starts if starts[-1] + length == seconds else [*starts, seconds - length]


def _mask_values(layout: Layout, source: ExportSource) -> dict[int, int]:
    """Return the pixel value of each object: 255, or the class index of its label."""
    if not layout.setting.semantic:
        return dict.fromkeys(source.objects, 255)
    if len(source.labels) > 255:
        raise UserError(f"{len(source.labels)} labels: AVSS distinguishes 255; export lu_avs instead")
    return {object_id: source.class_index(object_id) for object_id in source.objects}


def _entry(layout: Layout, source: ExportSource, start: int, frames: Sequence[int], split: str) -> ClipEntry:
    labels = set()
    for frame in frames:
        for object_id in source.sounding_objects(frame):
            labels.add(source.objects[object_id].label)
    # the category of a clip names what sounds in it
    category = "_".join(sorted(labels)) or "silence"
    subset = layout.subset(len(frames))
    return ClipEntry(f"{source.video_id}_{start}", category, split, start=start, subset=subset)


def _write_images(
    layout: Layout, entry: ClipEntry, source: ExportSource, frames: Sequence[int], values: Mapping[int, int]
) -> None:
    palette = voc_palette(256)
    for frame, path in zip(frames, layout.frames(entry), strict=True):
        _save(Image.fromarray(source.video.image(frame)), path)
    for frame, path in zip(frames, layout.masks(entry), strict=True):
        flat = flatten_masks(source.masks(frame), values, source.size)
        if layout.setting.semantic:
            image = Image.fromarray(palette[flat])
        else:
            image = Image.fromarray(flat).convert("L")  # (H, W), 0 or 255
            image.putpalette(_BLACK_WHITE)
        _save(image, path)


def _save(image: Image.Image, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # subsampling=0 keeps full colour resolution in JPEG
    image.save(path, quality=95, subsampling=0, compress_level=3)
