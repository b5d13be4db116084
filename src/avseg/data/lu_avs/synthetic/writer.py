"""Writes made long videos as a LU-AVS release, so that they are read exactly like the real one."""

import csv
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from avseg.data.avsbench.layout import SPLITS
from avseg.data.lu_avs.ground_truth import BOXES, MASKS, boxes_around
from avseg.data.lu_avs.paths import folder_name
from avseg.data.lu_avs.synthetic.mp4 import create_mp4
from avseg.data.lu_avs.synthetic.renderer import Film, FilmRecipe, make_film
from avseg.utils.errors import UserError
from avseg.utils.files import atomic_folder

EVENT_COLUMNS = ("split", "video", "hard", "object", "category", "source", "depth", "level_db", "frames")


@dataclass
class SplitTotals:
    """What a split holds: videos (hard ones among them), audible segments, seconds, and seconds of silence."""

    videos: int = 0
    hard: int = 0
    segments: int = 0
    seconds: float = 0.0
    silence: float = 0.0


def write_release(
    out: Path,
    recipe: FilmRecipe,
    counts: Mapping[str, int],
    options: Mapping[str, object],
    advance: Callable[[], None] = lambda: None,
) -> dict[str, SplitTotals]:
    """Makes and writes a whole release; on failure nothing is left.

    Beside `videos/`, `annotations/` and the annotation files it writes `events.csv` (each object of each video, the
    silent ones too: class, depth, level, and the frames in which it sounds) and `generator.json` (the options).

    Args:
        out: a folder that does not exist or is empty.
        recipe: what the videos are made of.
        counts: videos per split.
        options: recorded in `generator.json`.
        advance: called after each video.

    Returns:
        What was written, by split; splits without videos are left out.

    Raises:
        UserError: `out` is not empty or no folder; no video asked for; a negative count.
    """
    _check(out, counts)
    with atomic_folder(out) as folder:
        totals = _write_splits(folder, recipe, counts, advance)
        _write_json(folder / "generator.json", options)
    return totals


def write_film(root: Path, film: Film, label_ids: Mapping[str, int], split: str) -> dict[str, Any]:
    """Writes one video and the arrays of its segments.

    Args:
        root: of the release.
        film: what to write.
        label_ids: by category, as in the release's annotation files.
        split: of the video.

    Returns:
        Its entry in the annotation file.
    """
    names = [_label(actor.category) for actor in film.actors]
    folders = [
        root / "annotations" / folder_name(film.id, names[span.item], span.start, span.end) for span in film.spans
    ]
    arrays = [_array(folder, film, span.end - span.start) for folder, span in zip(folders, film.spans, strict=True)]
    untils = np.append(film.ticks[1:], film.ticks[-1] + 1)
    with create_mp4(_made(root / "videos") / f"{film.id}.mp4", film.shape, film.rate, film.waveform) as video:
        for first, pictures, visible in film.pictures():
            for number, picture in enumerate(pictures, first):
                video.write(picture, int(film.ticks[number]), int(untils[number]))
            for span, rows in zip(film.spans, arrays, strict=True):
                _fill(rows, span.start, first, visible[:, span.item])
    if film.hard:
        for folder, rows in zip(folders, arrays, strict=True):
            np.save(folder / BOXES, rows)
    annotations = [
        {"segment": [span.start, span.end], "label": names[span.item], "label_id": label_ids[names[span.item]]}
        for span in film.spans
    ]
    fps = round(len(film.ticks) / film.duration, 2)
    return {"duration": round(film.duration, 2), "fps": fps, "subset": split, "annotations": annotations}


def _write_splits(
    root: Path, recipe: FilmRecipe, counts: Mapping[str, int], advance: Callable[[], None]
) -> dict[str, SplitTotals]:
    label_ids = _label_ids(recipe)
    totals: dict[str, SplitTotals] = {}
    with (root / "events.csv").open("w", newline="", encoding="utf-8") as file:
        events = csv.writer(file, lineterminator="\n")
        events.writerow(EVENT_COLUMNS)
        for split in (split for split in SPLITS if counts.get(split)):
            entries: dict[bool, dict[str, Any]] = {False: {}, True: {}}
            totals[split] = SplitTotals()
            for index in range(counts[split]):
                film = make_film(recipe, split, index)
                entries[film.hard][film.id] = write_film(root, film, label_ids, split)
                events.writerows(_events(film, split))
                _count(totals[split], film)
                advance()
            for hard, name in ((False, f"seg_{split}.json"), (True, f"bbox_segs_{split}.json")):
                if entries[hard]:
                    _write_json(root / name, entries[hard])
    return totals


def _label_ids(recipe: FilmRecipe) -> dict[str, int]:
    """By label; not in the order of the alphabet and with holes, as in the release."""
    names = [_label(category) for category in sorted(recipe.cast.categories)]
    order = np.random.default_rng(recipe.seed).permutation(len(names))
    return {name: 2 * int(place) + 1 for name, place in zip(names, order, strict=True)}


def _label(category: str) -> str:
    return category.replace("_", " ")


def _array(folder: Path, film: Film, length: int) -> npt.NDArray[Any]:
    """The rows of a segment: masks on disk, to be filled, or boxes in memory."""
    folder.mkdir(parents=True)
    if film.hard:
        return np.full((length, 4), np.nan, np.float32)
    return np.lib.format.open_memmap(folder / MASKS, mode="w+", dtype=np.bool_, shape=(length, *film.shape))


def _fill(rows: npt.NDArray[Any], start: int, first: int, masks: npt.NDArray[np.bool_]) -> None:
    """Puts masks (n, H, W) of the frames from `first` on into the rows of a segment that begins at `start`."""
    begin, end = max(first, start), min(first + len(masks), start + len(rows))
    if begin < end:
        part = masks[begin - first : end - first]
        rows[begin - start : end - start] = part if rows.ndim == 3 else boxes_around(part)


def _events(film: Film, split: str) -> list[list[object]]:
    rows: list[list[object]] = []
    for number, (actor, item) in enumerate(zip(film.actors, film.objects, strict=True)):
        frames = " ".join(f"{span.start}-{span.end}" for span in film.spans if span.item == number)
        level = f"{film.levels_db[number]:.2f}"
        name = _label(actor.category)
        rows.append([split, film.id, int(film.hard), number, name, actor.source, item.depth, level, frames])
    return rows


def _count(totals: SplitTotals, film: Film) -> None:
    lengths = np.diff(np.append(film.times, film.duration))
    silent = np.ones(len(lengths), np.bool_)
    for span in film.spans:
        silent[span.start : span.end] = False
    totals.videos += 1
    totals.hard += film.hard
    totals.segments += len(film.spans)
    totals.seconds += film.duration
    totals.silence += float(lengths[silent].sum())


def _made(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    return folder


def _write_json(path: Path, value: Mapping[str, object]) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")


def _check(out: Path, counts: Mapping[str, int]) -> None:
    for split, count in counts.items():
        if count < 0:
            raise UserError(f"{split} is {count} videos; give 0 or more")
    if not any(counts.values()):
        raise UserError("no video asked for; give at least one of --train, --val, --test")
    if out.exists() and not out.is_dir():
        raise UserError(f"--out {out} is a file; name a folder")
    if out.is_dir() and any(out.iterdir()):
        raise UserError(f"--out {out} exists and is not empty; name another folder or remove it")
