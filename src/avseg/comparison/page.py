"""A page in one file, without network, to flip through all clips of a comparison and sort them by any column."""

import base64
import io
import json
import math
from collections.abc import Iterable, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from avseg.comparison.scoring import FALSE_SHARE
from avseg.comparison.shown_clip import ShownClip, read_clip
from avseg.comparison.split import Split
from avseg.comparison.store import MaskStore
from avseg.comparison.table import ComparisonTable, info
from avseg.draw.overlay import Colour
from avseg.draw.palette import SOUNDING, TRUTH
from avseg.utils.files import atomic_file

_SIDE = 224  # pixels of the longer side, at most
_QUALITY = 75  # of JPEG
_ALPHA = 165  # opacity of a mask, of 255
_COLUMNS = ("miou", "fscore", FALSE_SHARE.key)


def write_page(
    path: Path, split: Split, store: MaskStore, table: ComparisonTable, disagreements: Sequence[float]
) -> None:
    """Write the page; clips are written one by one, so memory does not grow with their number."""
    template = files("avseg.comparison").joinpath("page.html").read_text(encoding="utf-8")
    head, tail = template.split("/*META*/")
    between, end = tail.split("/*CLIPS*/")
    with atomic_file(path) as temporary, temporary.open("w", encoding="utf-8") as page:
        height, width = store.size
        page.write(head + _json(page_meta(table, disagreements) | {"aspect": width / height}) + between)
        for index in sorted(table.methods[0].clips):
            clip = read_clip(split, store, table.methods, index, sound=False)
            page.write(f'<script id="clip-{index}" type="application/json">{_json(_clip_record(clip))}</script>\n')
        page.write(end)


def page_meta(table: ComparisonTable, disagreements: Sequence[float]) -> dict[str, Any]:
    """Return title, columns and rows of the list of clips."""
    with_category = any(entry.category for entry in table.entries)
    columns: list[dict[str, Any]] = [{"title": "clip", "text": True}]
    if with_category:
        columns.append({"title": "category", "text": True})
    keys = [key for key in _COLUMNS if key in table.metrics]
    names = {"miou": "J", "fscore": "F"}
    for key in keys:
        for method in table.methods:
            columns.append({"title": f"{names.get(key, info(key).title)} {method.name}", "text": False})
    columns.append({"title": "disagreement", "text": False})
    rows = []
    for index in sorted(table.methods[0].clips):
        entry = table.entries[index]
        cells: list[object] = [entry.name, entry.category] if with_category else [entry.name]
        for key in keys:
            cells += [_number(info(key).scale * method.clips[index][key]) for method in table.methods]
        rows.append({"index": index, "cells": [*cells, _number(100 * disagreements[index])]})
    title = f"{table.data}, {table.split} split: {len(rows)} clips"
    return {"title": title, "columns": columns, "rows": rows, "methods": table.names}


def _number(value: float) -> float | None:
    return None if math.isnan(value) else round(value, 3)


def _clip_record(clip: ShownClip) -> dict[str, Any]:
    methods = []
    for name, masks in clip.masks.items():
        images = _mask_images(masks, SOUNDING)
        methods.append({"score": f"{100 * clip.scores[name]:.1f}", "masks": images, "notes": clip.iou_texts(name)})
    return {
        "name": clip.name,
        "category": clip.category,
        "frames": list(map(_frame_image, clip.frames)),
        "truth": _mask_images(clip.truth, TRUTH),
        "labels": clip.label_texts(),
        "methods": methods,
    }


def _frame_image(frame: np.ndarray) -> str:
    image = Image.fromarray(frame)
    image.thumbnail((_SIDE, _SIDE))
    return _data_url(image, "jpeg", quality=_QUALITY)


def _mask_images(masks: Iterable[np.ndarray], colour: Colour) -> list[str]:
    return [_mask_image(mask, colour) for mask in masks]


def _mask_image(mask: np.ndarray, colour: Colour) -> str:
    """Encode a mask as a PNG of two colours, transparent and the given one; empty text for an empty mask."""
    if not mask.any():
        return ""
    image = Image.fromarray(mask.astype(np.uint8))
    image.thumbnail((_SIDE, _SIDE), Image.Resampling.NEAREST)
    palette = Image.frombytes("P", image.size, image.tobytes())
    palette.putpalette([0, 0, 0, *colour])
    return _data_url(palette, "png", bits=1, transparency=bytes([0, _ALPHA]))


def _data_url(image: Image.Image, image_format: str, **options: Any) -> str:
    content = io.BytesIO()
    image.save(content, image_format, **options)
    return f"data:image/{image_format};base64,{base64.b64encode(content.getvalue()).decode()}"


def _json(value: object) -> str:
    # "</script>" inside of a name would end the element
    return json.dumps(value, separators=(",", ":")).replace("<", "\\u003c")
