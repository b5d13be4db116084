"""J of each category, with intervals over its clips."""

import math
from pathlib import Path

import numpy as np

from avseg.draw.strips import save_figure
from avseg.report.run_files import RunFiles
from avseg.report.section import Picture, Section
from avseg.report.training_curves import COLOURS
from avseg.tables.statistics import clip_interval

_TITLE = "J by category"
_KEY = "miou"


def category_section(files: RunFiles, folder: Path) -> Section:
    """Draw `categories.png`, the best category on top."""
    scores = files.column(_KEY)
    if files.long_videos:
        return Section(_TITLE, "No J by category: long videos have several classes; per_video.csv has their scores.")
    if not scores:
        reason = "masks of several classes have no J per clip" if files.run.complete else "the run is not complete"
        return Section(_TITLE, f"No J by category: {reason}.")
    groups: dict[str, list[float]] = {}
    for item, score in zip(files.items, scores, strict=True):
        if item["category"] and not math.isnan(score):
            groups.setdefault(item["category"], []).append(100 * score)
    if not groups:
        return Section(_TITLE, "No J by category: the data set names no categories (MS3, your own videos).")
    path = folder / "categories.png"
    _draw(path, groups, 100 * float(np.nanmean(scores)))
    text = f"{len(groups)} categories, {len(scores)} clips; bars are 95 % BCa intervals over the clips of a category."
    return Section(_TITLE, text, [Picture(path, "J of each category with its interval")])


def _draw(path: Path, groups: dict[str, list[float]], mean: float) -> None:
    from matplotlib.figure import Figure

    order = sorted(groups, key=lambda name: (float(np.mean(groups[name])), name))
    figure = Figure(figsize=(10, 1.2 + 0.24 * len(order)), layout="constrained")
    axis = figure.subplots()
    for row, name in enumerate(order):
        low, high = clip_interval(groups[name])
        axis.plot([low, high], [row, row], color=COLOURS[0], lw=1.6)
        axis.plot([float(np.mean(groups[name]))], [row], "o", color=COLOURS[0], ms=5)
    axis.axvline(mean, color="0.6", lw=1, ls=":")
    axis.set_yticks(range(len(order)), [f"{name} ({len(groups[name])})" for name in order], fontsize=8)
    for label in axis.get_yticklabels():
        label.set_parse_math(False)
    axis.set_ylim(-0.6, len(order) - 0.4)
    axis.set_xlim(0, 100)
    axis.set_title("J, per cent (clips); dotted: mean over all clips", loc="left", fontsize=10)
    axis.tick_params(labelsize=8)
    axis.grid(axis="x", color="0.92")
    axis.spines[["top", "right"]].set_visible(False)
    save_figure(figure, path, dpi=120)
