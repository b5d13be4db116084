"""Export COCO run lengths: `instances.json` (one image per frame) and `youtube_vis.json` (one track per object)."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, TextIO

from avseg.annotate.document.rle import encode
from avseg.annotate.export.png import frame_name, write_frame
from avseg.annotate.export.source import ExportSource
from avseg.annotate.protocols import Mask

Row = dict[str, object]
# keys of `_shape`, and the lists of a track that hold them for all frames
_TRACK_COLUMNS = {"segmentation": "segmentations", "bbox": "bboxes", "area": "areas"}


def write(folder: Path, source: ExportSource, *, pictures: bool = False) -> None:
    """Write both files, and optionally the frames to `JPEGImages/`; boxes are [left, top, width, height].

    `instances.json` lists every frame of the video (id = frame + 1, `frame`), and an annotation for each non-empty
    mask. `youtube_vis.json` has an annotation for each object, whose `segmentations`, `bboxes` and `areas` run over all
    frames, None without a mask; `segments` lists when it sounds.
    """
    write_sources(folder, [source], source.labels)
    if pictures:
        write_pictures(folder, source)


def write_sources(folder: Path, sources: Sequence[ExportSource], labels: Sequence[str], suffix: str = "") -> None:
    """Write both files for several videos; a class has the id that it has in `labels`, from 1."""
    categories = [{"id": index, "name": label} for index, label in enumerate(labels, 1)]
    images = chain.from_iterable(_images(source, first) for source, first in _with_first_image(sources))
    annotations = chain.from_iterable(_annotations(source, first) for source, first in _with_first_image(sources))
    with (folder / f"instances{suffix}.json").open("w", encoding="utf-8") as file:
        lists = {"images": images, "annotations": _numbered(annotations)}
        _write_json(file, {"categories": categories}, lists)
    videos = [_video(source, index) for index, source in enumerate(sources, 1)]
    tracks = chain.from_iterable(_tracks(source, index) for index, source in enumerate(sources, 1))
    with (folder / f"youtube_vis{suffix}.json").open("w", encoding="utf-8") as file:
        _write_json(file, {"videos": videos, "categories": categories}, {"annotations": _numbered(tracks)})


def write_pictures(folder: Path, source: ExportSource) -> None:
    """Write the frames that the files name."""
    for frame in range(source.video.frames):
        write_frame(folder, source, frame)


def _with_first_image(sources: Sequence[ExportSource]) -> Iterator[tuple[ExportSource, int]]:
    """Yield the sources with the id of their first image."""
    first = 1
    for source in sources:
        yield source, first
        first += source.video.frames


def _numbered(rows: Iterable[Row]) -> Iterator[Row]:
    for index, row in enumerate(rows, 1):
        yield {"id": index, **row}


def _images(source: ExportSource, first: int) -> Iterator[Row]:
    height, width = source.size
    for frame in range(source.video.frames):
        name = frame_name(source, frame)
        row = {"id": first + frame, "frame": frame, "video": source.video_id, "file_name": name}
        yield {**row, "height": height, "width": width}


def _annotations(source: ExportSource, first: int) -> Iterator[Row]:
    for frame in source.sounding_frames():
        for object_id, mask in source.masks(frame).items():
            yield {
                "image_id": first + frame,
                "category_id": source.class_index(object_id),
                "iscrowd": 0,
                "object": object_id,
                **_shape(mask),
            }


def _video(source: ExportSource, video_id: int) -> Row:
    height, width = source.size
    return {
        "id": video_id,
        "name": source.video_id,
        "width": width,
        "height": height,
        "length": source.video.frames,
        "fps": source.video.fps,
        "file_names": [frame_name(source, frame) for frame in range(source.video.frames)],
    }


def _tracks(source: ExportSource, video_id: int) -> Iterator[Row]:
    """Yield the track of each object; the run lengths of one object at a time are in memory."""
    height, width = source.size
    for object_id, item in source.objects.items():
        spans = []  # [start, end) of each segment
        shapes: dict[str, list[object]] = {}
        for name in _TRACK_COLUMNS.values():
            shapes[name] = [None] * source.video.frames
        for segment in source.segments:
            if segment.object_id != object_id:
                continue
            spans.append([segment.start, segment.end])
            for frame in range(segment.start, segment.end):
                mask = source.mask(object_id, frame)
                if mask.any():
                    for key, value in _shape(mask).items():
                        shapes[_TRACK_COLUMNS[key]][frame] = value
        yield {
            "video_id": video_id,
            "category_id": source.class_index(object_id),
            "iscrowd": 0,
            "object": object_id,
            "name": item.name,
            "segments": spans,
            **shapes,
            "height": height,
            "width": width,
            "length": source.video.frames,
        }


def _shape(mask: Mask) -> Row:
    from pycocotools import mask as coco

    rle: Any = encode(mask)  # {"size": [H, W], "counts": str}
    return {"segmentation": rle, "bbox": coco.toBbox(rle).tolist(), "area": int(coco.area(rle))}


def _write_json(file: TextIO, head: Row, lists: Mapping[str, Iterable[Row]]) -> None:
    """Write an object of plain values and of long lists; the lists are written row by row."""
    file.write(json.dumps(head)[:-1])  # without the closing brace
    for name, rows in lists.items():
        file.write(f',\n"{name}": [')
        separator = "\n"
        for row in rows:
            file.write(separator + json.dumps(row))
            separator = ",\n"
        file.write("]")
    file.write("}\n")
