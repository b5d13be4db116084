"""COCO run lengths: `instances.json` (a picture for each frame) and `youtube_vis.json` (a track for each object)."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from avseg.annotate.document.rle import RLE, encode
from avseg.annotate.export.png import picture_name, write_picture
from avseg.annotate.export.source import Source

Row = dict[str, Any]


def write(folder: Path, source: Source, *, pictures: bool = False) -> None:
    """Writes both files; boxes are [left, top, width, height].

    `instances.json` lists every frame of the video (id = frame + 1, `frame`), and an annotation for each mask that
    holds a pixel. `youtube_vis.json` has an annotation for each object, whose `segmentations`, `bboxes` and `areas` run
    over all frames, None where nothing is marked; `segments` says when it is heard.

    Args:
        folder: an empty one.
        source: what to write.
        pictures: also write the frames to `JPEGImages/`.
    """
    with (folder / "instances.json").open("w", encoding="utf-8") as file:
        _write_json(
            file, {"categories": _categories(source)}, {"images": _images(source), "annotations": _rows(source)}
        )
    with (folder / "youtube_vis.json").open("w", encoding="utf-8") as file:
        head = {"videos": [_video(source)], "categories": _categories(source)}
        _write_json(file, head, {"annotations": _tracks(source)})
    for frame in range(source.film.frames) if pictures else ():
        write_picture(folder, source, frame)


def _categories(source: Source) -> list[Row]:
    return [{"id": place, "name": name} for place, name in enumerate(source.labels, 1)]


def _category(source: Source, object: int) -> int:
    return source.labels.index(source.objects[object].label) + 1


def _images(source: Source) -> Iterator[Row]:
    height, width = source.size
    for frame in range(source.film.frames):
        name = picture_name(source, frame)
        yield {"id": frame + 1, "frame": frame, "file_name": name, "height": height, "width": width}


def _rows(source: Source) -> Iterator[Row]:
    number = 0
    for frame in source.frames():
        for object, mask in source.masks(frame).items():
            number += 1
            shape = _shape(encode(mask))
            about = {"id": number, "image_id": frame + 1, "category_id": _category(source, object), "iscrowd": 0}
            yield {**about, "object": object, **shape}


def _video(source: Source) -> Row:
    height, width = source.size
    names = [picture_name(source, frame) for frame in range(source.film.frames)]
    about = {"id": 1, "name": source.id, "width": width, "height": height, "length": source.film.frames}
    return {**about, "fps": source.film.fps, "file_names": names}


def _tracks(source: Source) -> Iterator[Row]:
    """The run lengths of one object at a time are in memory."""
    for number, (object, item) in enumerate(source.objects.items(), 1):
        spans = [segment for segment in source.segments if segment.object_id == object]
        shapes: list[Row | None] = [None] * source.film.frames
        for span in spans:
            for frame in range(span.start, span.end):
                mask = source.mask(object, frame)
                shapes[frame] = _shape(encode(mask)) if mask.any() else None
        track: Row = {"id": number, "video_id": 1, "category_id": _category(source, object), "iscrowd": 0}
        track |= {"object": object, "name": item.name, "segments": [[span.start, span.end] for span in spans]}
        height, width = source.size
        for many, one in (("segmentations", "segmentation"), ("bboxes", "bbox"), ("areas", "area")):
            track[many] = [shape and shape[one] for shape in shapes]
        yield {**track, "height": height, "width": width, "length": source.film.frames}


def _shape(rle: RLE) -> Row:
    from pycocotools import mask as coco

    return {"segmentation": rle, "bbox": coco.toBbox(rle).tolist(), "area": int(coco.area(rle))}


def _write_json(file: TextIO, head: Row, lists: dict[str, Iterator[Row]]) -> None:
    """An object of plain values and of long lists, which are written row by row."""
    file.write(json.dumps(head)[:-1])
    for name, rows in lists.items():
        file.write(f',\n"{name}": [')
        for place, row in enumerate(rows):
            file.write((",\n" if place else "\n") + json.dumps(row))
        file.write("]")
    file.write("}\n")
