"""Write the tables of a comparison: md, tex, csv, json and an image."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from avseg.comparison.table import ComparisonTable, info
from avseg.comparison.table_text import category_table, score_table, test_table
from avseg.draw.palette import OKABE_ITO
from avseg.draw.strips import save_figure
from avseg.runs import write_json
from avseg.tables.text import TextTable, latex, markdown
from avseg.utils.csv_files import write_rows
from avseg.utils.files import write_text

_COLOURS = ("blue", "vermilion", "green", "purple", "orange", "sky", "yellow")


def write_tables(folder: Path, table: ComparisonTable, published: Sequence[TextTable] = ()) -> None:
    """Write table.md, table.tex, scores.csv, tests.csv, categories.csv, per_clip.csv, comparison.json, table.png."""
    tables = [score_table(table), test_table(table), category_table(table), *published]
    write_text(folder / "table.md", markdown(tables))
    write_text(folder / "table.tex", latex(tables))
    write_rows(folder / "scores.csv", _score_rows(table))
    write_rows(folder / "tests.csv", list(map(vars, table.tests)))
    if table.categories:
        rows = [{"category": name, "clips": clips, **means} for name, (clips, means) in table.categories.items()]
        write_rows(folder / "categories.csv", rows)
    write_rows(folder / "per_clip.csv", clip_rows(table))
    _save_plot(folder / "table.png", table)
    _save_plot(folder / "table.pdf", table)
    write_json(folder / "comparison.json", _record(table))


def clip_rows(table: ComparisonTable) -> list[dict[str, object]]:
    """Return a row per clip with the scores of every method, in [0, 1]."""
    rows: list[dict[str, object]] = []
    for index in sorted(table.methods[0].clips):
        entry = table.entries[index]
        row: dict[str, object] = {"index": index, "video_id": entry.name, "category": entry.category}
        for method in table.methods:
            row |= {f"{method.name}/{key}": _plain(value) for key, value in method.clips[index].items()}
        rows.append(row)
    return rows


def _score_rows(table: ComparisonTable) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for method in table.methods:
        row: dict[str, object] = {"method": method.name, "source": method.source}
        row["f_of"] = "soft maps" if method.soft else "hard masks"
        for key in table.metrics:
            row[key] = _plain(table.value(method, key))
            if (method.name, key) in table.intervals:
                low, high = table.intervals[method.name, key]
                row |= {f"{key}_low": _plain(low), f"{key}_high": _plain(high)}
        rows.append(row)
    return rows


def _record(table: ComparisonTable) -> dict[str, Any]:
    methods = {}
    for method in table.methods:
        methods[method.name] = {
            "source": method.source,
            **method.origin,
            "f_of": "soft maps" if method.soft else "hard masks",
            "scores": {key: None if math.isnan(value) else value for key, value in method.scores.items()},
            "findings": list(map(vars, method.findings)),
        }
    return {
        "data": table.data,
        "split": table.split,
        "clips": len(table.entries),
        "videos_per_group": table.videos_per_group,
        "silent_frames": table.methods[0].silent_frames,
        "methods": methods,
        "tests": list(map(vars, table.tests)),
        "categories": {name: {"clips": clips, "miou": means} for name, (clips, means) in table.categories.items()},
    }


def _plain(value: float) -> float | str:
    return "" if math.isnan(value) else value


def _save_plot(path: Path, table: ComparisonTable) -> None:
    """Draw the scores of each metric as dots, methods from top to bottom, with the intervals."""
    from matplotlib.figure import Figure

    metrics = table.metrics
    names = table.names
    figure = Figure(figsize=(1.2 + 1.9 * len(metrics), 1.3 + 0.34 * len(names)), layout="constrained")
    axes = figure.subplots(1, len(metrics), sharey=True, squeeze=False)[0]
    for axis, key in zip(axes, metrics, strict=True):
        for row, method in enumerate(table.methods):
            value = table.value(method, key)
            low, high = table.intervals.get((method.name, key), (math.nan, math.nan))
            colour = tuple(np.array(OKABE_ITO[_COLOURS[row % len(_COLOURS)]]) / 255)
            hollow = key == "fscore" and not method.soft
            axis.plot([value], [row], "o", ms=6, color=colour, mfc="white" if hollow else colour)
            axis.plot([low, high], [row, row], color=colour, lw=1.6)
        axis.set_title(info(key).heading, fontsize=8)
        axis.tick_params(labelsize=8)
        axis.grid(axis="x", color="0.9", linewidth=0.8)
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].set_yticks(range(len(names)), names)
    axes[0].set_ylim(len(names) - 0.5, -0.5)
    hard = "; hollow: F of hard masks" if not all(method.soft for method in table.methods) else ""
    note = f"{table.data}, {table.split} split; bars: 95 % interval over {len(table.entries)} clips{hard}"
    figure.supxlabel(note, fontsize=8, color="0.35")
    save_figure(figure, path, dpi=150)
