"""Writes made clips into the official folder tree, so that they are read exactly like the released data."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray
from PIL import Image

from avseg.data.avsbench.layout import SPLITS, AVSSLayout, ClipEntry, Layout, layout_for
from avseg.data.palette import voc_palette
from avseg.data.synthetic.generate import ClipRecipe, MadeClip, make_clip
from avseg.data.synthetic.oracle import BlindFrame, BlindScores, score_frame, summarise
from avseg.data.synthetic.soundtrack import SAMPLE_RATE
from avseg.utils.errors import UserError
from avseg.utils.files import atomic_folder

EVENT_COLUMNS = ("split", "clip", "object", "category", "source", "depth", "level_db", "seconds")
_BLACK_WHITE = [0] * 765 + [255] * 3  # the released MS3 masks: index 255 = sounding
_JPEG_QUALITY = 95
_PNG_LEVEL = 3


def write_set(
    out: Path,
    recipe: ClipRecipe,
    counts: Mapping[str, int],
    options: Mapping[str, object],
    advance: Callable[[], None] = lambda: None,
) -> dict[str, BlindScores]:
    """Makes and writes a whole data set; on failure nothing is left.

    Beside the official files it writes `events.csv` (each object of each clip: class, depth, level, and the seconds in
    which it sounds as 0 and 1), `oracle.json` (what can be reached without hearing) and `generator.json` (the options).

    Args:
        out: a folder that does not exist or is empty.
        recipe: what the clips are made of.
        counts: clips per split.
        options: recorded in `generator.json`.
        advance: called after each clip.

    Returns:
        The scores of the audio-blind oracle, by split; splits without clips are left out.

    Raises:
        UserError: `out` is not empty or no folder; no clip asked for; a negative count.
    """
    _check_counts(counts)
    _check_out(out)
    with atomic_folder(out) as folder:
        layout = layout_for(recipe.rules.setting, folder)
        scores = _write_clips(layout, recipe, counts, advance)
        _write_json(folder / "oracle.json", {split: asdict(score) for split, score in scores.items()})
        _write_json(folder / "generator.json", dict(options))
    return scores


def write_clip(layout: Layout, clip: MadeClip, classes: Mapping[str, int]) -> ClipEntry:
    """Writes one clip's frames, masks and sound.

    Args:
        layout: where.
        clip: what.
        classes: AVSS: class indices by category.

    Returns:
        Its row of the index file.
    """
    entry = _entry(layout, clip)
    for path, frame in zip(layout.frames(entry), clip.frames, strict=True):
        _save(Image.fromarray(frame), path)
    # S4 training clips carry only the mask of the first frame
    for path, mask in zip(layout.masks(entry), _mask_pictures(layout, clip, classes), strict=False):
        _save(mask, path)
    write_wav(layout.wav(entry), clip.waveform, SAMPLE_RATE)
    return entry


def write_wav(path: Path, wave: NDArray[np.float32], rate: int) -> None:
    """Writes 16-bit samples; a full disk is an `OSError` here, which soundfile's own files would not give."""
    buffer = io.BytesIO()
    soundfile.write(buffer, wave, rate, subtype="PCM_16", format="WAV")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(buffer.getvalue())


def _write_clips(
    layout: Layout, recipe: ClipRecipe, counts: Mapping[str, int], advance: Callable[[], None]
) -> dict[str, BlindScores]:
    classes = {name: index for index, name in enumerate(["background", *recipe.cast.categories])}
    entries: list[ClipEntry] = []
    scores: dict[str, BlindScores] = {}
    with (layout.root / "events.csv").open("w", newline="", encoding="utf-8") as file:
        events = csv.writer(file, lineterminator="\n")
        events.writerow(EVENT_COLUMNS)
        for split in (split for split in SPLITS if counts.get(split)):
            blind: list[BlindFrame] = []
            for index in range(counts[split]):
                clip = make_clip(recipe, split, index)
                entries.append(write_clip(layout, clip, classes))
                events.writerows(_events(clip))
                blind.extend(blind_frames(clip))
                advance()
            scores[split] = summarise(blind)
    layout.write_index(entries)
    if isinstance(layout, AVSSLayout):
        _write_json(layout.label_file, classes)
    return scores


def blind_frames(clip: MadeClip) -> Iterable[BlindFrame]:
    """What each frame of a clip adds to the scores of the audio-blind oracle."""
    seconds = range(len(clip.frames))
    return (score_frame(clip.visible[s], clip.prior, clip.sounding[s]) for s in seconds)


def _entry(layout: Layout, clip: MadeClip) -> ClipEntry:
    category, subset = "", ""
    if layout.setting == "s4":
        category = clip.categories[clip.lead]
    elif isinstance(layout, AVSSLayout):
        category = "_".join(clip.categories[n] for n in np.flatnonzero(clip.sounding.sum(axis=0)))
        subset = "v2" if len(clip.frames) == layout.lengths["v2"] else "v1m"
    return ClipEntry(clip.name, category, clip.split, subset=subset)


def _mask_pictures(layout: Layout, clip: MadeClip, classes: Mapping[str, int]) -> Iterable[Image.Image]:
    if layout.setting == "avss":
        palette = voc_palette()
        return (Image.fromarray(palette[labels]) for labels in clip.class_masks(dict(classes)))
    paint = _palette_picture if layout.setting == "ms3" else Image.fromarray
    return (paint(mask.astype(np.uint8) * 255) for mask in clip.masks)


def _palette_picture(mask: NDArray[np.uint8]) -> Image.Image:
    picture = Image.fromarray(mask).convert("L")
    picture.putpalette(_BLACK_WHITE)
    return picture


def _events(clip: MadeClip) -> Iterable[list[object]]:
    for n, category in enumerate(clip.categories):
        seconds = "".join("1" if sounds else "0" for sounds in clip.sounding[:, n])
        level = f"{clip.levels_db[n]:.2f}"
        yield [clip.split, clip.name, n, category, clip.sources[n], clip.depths[n], level, seconds]


def _save(picture: Image.Image, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # each format takes its own options; jpg keeps its colours at full resolution
    picture.save(path, quality=_JPEG_QUALITY, subsampling=0, compress_level=_PNG_LEVEL)


def _write_json(path: Path, value: Mapping[str, object]) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")


def _check_counts(counts: Mapping[str, int]) -> None:
    for split, count in counts.items():
        if count < 0:
            raise UserError(f"{split} is {count} clips; give 0 or more")
    if not any(counts.values()):
        raise UserError("no clip asked for; give at least one of --train, --val, --test")


def _check_out(out: Path) -> None:
    if out.exists() and not out.is_dir():
        raise UserError(f"--out {out} is a file; name a folder")
    if out.is_dir() and any(out.iterdir()):
        raise UserError(f"--out {out} exists and is not empty; name another folder or remove it")
