"""Loss terms and validation scores by epoch."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from avseg.draw.palette import OKABE_ITO
from avseg.draw.strips import save_figure
from avseg.metrics.registry import metric_info
from avseg.report.run_files import RunFiles
from avseg.report.section import Picture, Section

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLOUR_NAMES = ("blue", "vermilion", "green", "purple", "orange", "sky", "yellow")
COLOURS = [tuple(channel / 255 for channel in OKABE_ITO[name]) for name in _COLOUR_NAMES]
_LINES = 7  # the first ones of each kind
_TITLE = "Training"


def training_section(files: RunFiles, folder: Path) -> Section:
    """Draw `training.png`."""
    if not files.epochs:
        return Section(_TITLE, "No training curves: the run has no finished epoch in metrics.csv.")
    losses = _columns(files.epochs, "train/")
    scores = _columns(files.epochs, "val/")
    path = folder / "training.png"
    best = _draw(path, files.epochs, losses, scores)
    text = f"{len(files.epochs)} epochs."
    if best is not None:
        key, epoch, value = best
        text += f" Best {_title(key)} on validation: {value:.2f} in epoch {epoch}, whose weights were kept."
    left_out = max(0, len(losses) - _LINES) + max(0, len(scores) - _LINES)
    text += f" {left_out} further columns are in metrics.csv." if left_out else ""
    return Section(_TITLE, text, [Picture(path, "Loss terms and validation scores by epoch")])


def _columns(epochs: Sequence[Mapping[str, str]], prefix: str) -> dict[str, list[float]]:
    columns: dict[str, list[float]] = {}
    for name in epochs[0]:
        values = [float(epoch.get(name) or "nan") for epoch in epochs] if name.startswith(prefix) else []
        if not all(map(math.isnan, values)):
            columns[name.removeprefix(prefix)] = values
    if columns.get("frame_miou") == columns.get("miou"):
        columns.pop("frame_miou", None)  # equal where all clips have the same number of frames
    # the total first
    return dict(sorted(columns.items(), key=lambda item: item[0] != "loss"))


def _draw(
    path: Path,
    epochs: Sequence[Mapping[str, str]],
    losses: Mapping[str, Sequence[float]],
    scores: Mapping[str, Sequence[float]],
) -> tuple[str, int, float] | None:
    """Draw both panels; return key, epoch and value of the best validation score."""
    from matplotlib.figure import Figure

    numbers = [int(epoch["epoch"]) for epoch in epochs]
    figure = Figure(figsize=(11.5, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    for (name, values), colour in zip(list(losses.items())[:_LINES], COLOURS, strict=False):
        left.plot(numbers, values, "o-", ms=3, lw=2.2 if name == "loss" else 1.2, color=colour, label=name)
    best = None
    for (name, values), colour in zip(list(scores.items())[:_LINES], COLOURS, strict=False):
        percents = [metric_info(name).scale * value for value in values]
        right.plot(numbers, percents, "o-", ms=3, lw=1.6, color=colour, label=_title(name))
        if best is None and not all(map(math.isnan, percents)):
            value = max(value for value in percents if not math.isnan(value))
            best = (name, numbers[percents.index(value)], value)
            right.axvline(best[1], color="0.6", lw=1, ls=":")
    _style(left, "training loss", numbers)
    _style(right, "validation, per cent; dotted: best epoch", numbers)
    save_figure(figure, path, dpi=120)
    return best


def _title(key: str) -> str:
    return metric_info(key).title


def _style(axis: "Axes", title: str, numbers: Sequence[int]) -> None:
    from matplotlib.ticker import MaxNLocator

    axis.set_title(title, loc="left", fontsize=10)
    axis.set_xlabel("epoch", fontsize=8)
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.tick_params(labelsize=8)
    axis.grid(color="0.92")
    axis.spines[["top", "right"]].set_visible(False)
    if axis.lines:
        axis.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1, 1))
    if len(numbers) == 1:
        axis.set_xlim(numbers[0] - 0.5, numbers[0] + 0.5)
