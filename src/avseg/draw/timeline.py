"""Timeline of a video: a lane for each class over the seconds, under the waveform."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING

import numpy as np

from avseg.draw.overlay import Colour
from avseg.draw.strips import save_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Span = tuple[float, float]
_BINS = 1600  # about the width in pixels; more would be drawn over each other
_LANE, _WAVE, _MARGIN = 0.34, 0.9, 1.0  # heights in inches
_EDGE = "#444444"


@dataclass(frozen=True)
class Lane:
    """A class with its spans (start, end) in seconds."""

    name: str
    colour: Colour
    segments: Sequence[Span]  # where the class is predicted
    audible: Sequence[Span] = ()  # where the audio branch detects it; drawn faint and wide behind the segments


def save_timeline(path: Path, lanes: Sequence[Lane], wave: np.ndarray, duration: float, *, title: str = "") -> None:
    """Write a timeline with lanes from top to bottom as a PNG; a missing folder is created."""
    # wave: (n, 2), lowest and highest sample of equal parts of the duration in seconds
    save_figure(timeline_figure(lanes, wave, duration, title), path)


def timeline_figure(lanes: Sequence[Lane], wave: np.ndarray, duration: float, title: str = "") -> "Figure":
    """Draw the timeline as a figure with two axes, waveform and lanes; see `save_timeline`."""
    from matplotlib.figure import Figure

    lanes_height = max(len(lanes), 1) * _LANE
    width = float(np.clip(9 + duration / 60, 9, 16))  # an inch more per minute
    figure = Figure(figsize=(width, _WAVE + lanes_height + _MARGIN), layout="constrained")
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=[_WAVE, lanes_height + 0.15])
    top.set_title(title, fontsize=9, loc="left", parse_math=False)  # "$" in a file name is no formula
    _draw_wave(top, wave, duration)
    _draw_lanes(bottom, lanes, duration)
    return figure


def _draw_wave(axis: "Axes", wave: np.ndarray, duration: float) -> None:
    """Draw the envelope, scaled to the loudest sample."""
    low, high = _envelope(wave, _BINS)
    times = (np.arange(len(low)) + 0.5) * duration / max(len(low), 1)
    loudest = max(float(np.abs(wave).max(initial=0)), 1e-3)  # silence has no scale of its own
    axis.fill_between(times, low, high, color=_EDGE, linewidth=0.4)
    axis.set_ylim(-1.05 * loudest, 1.05 * loudest)
    axis.set_yticks([0], ["sound"], fontsize=8)
    axis.tick_params(axis="x", length=0, labelbottom=False)
    _hide_spines(axis)


def _draw_lanes(axis: "Axes", lanes: Sequence[Lane], duration: float) -> None:
    from matplotlib.ticker import MaxNLocator

    audible = False
    for row, lane in enumerate(lanes):
        audible |= bool(lane.audible)
        colour = tuple(np.divide(lane.colour, 255))  # matplotlib's range
        axis.broken_barh(_bars(lane.audible), (row - 0.4, 0.8), facecolor=(*colour, 0.3), linewidth=0)
        # the edge keeps a short segment of a long video visible
        axis.broken_barh(_bars(lane.segments), (row - 0.26, 0.52), facecolor=colour, edgecolor=_EDGE, linewidth=0.6)
        total = sum(end - start for start, end in lane.segments)
        axis.annotate(f"{total:.1f} s", (1.005, row), xycoords=("axes fraction", "data"), fontsize=7, va="center")
    if not lanes:
        axis.text(0.5, 0.5, "nothing is predicted", transform=axis.transAxes, ha="center", va="center", fontsize=9)
    axis.set_yticks(range(len(lanes)), [fill(lane.name, 28) for lane in lanes], fontsize=8)
    axis.set_ylim(max(len(lanes), 1) - 0.5, -0.5)  # the first lane on top
    axis.set_xlim(0, duration)
    axis.xaxis.set_major_locator(MaxNLocator(nbins=14, steps=[1, 2, 5, 10]))
    axis.tick_params(axis="x", labelsize=8)
    axis.tick_params(axis="y", length=0)
    faint = "; faint: audible, visible or not" if audible else ""
    axis.set_xlabel(f"time (s){faint}", fontsize=8)
    axis.grid(axis="x", color="#cccccc", linewidth=0.6)
    axis.set_axisbelow(True)
    _hide_spines(axis)


def _hide_spines(axis: "Axes") -> None:
    for side in ("top", "right", "left"):
        axis.spines[side].set_visible(False)


def _bars(spans: Sequence[Span]) -> list[Span]:
    """Convert (start, end) to matplotlib's (start, length)."""
    return [(start, end - start) for start, end in spans]


def _envelope(wave: np.ndarray, bins: int) -> tuple[np.ndarray, np.ndarray]:
    """Reduce (n, 2) extrema to at most `bins` bins: lowest and highest samples."""
    starts = np.unique(np.linspace(0, len(wave), min(bins, len(wave)), endpoint=False).astype(int))
    if not len(starts):
        return np.zeros(0), np.zeros(0)
    return np.minimum.reduceat(wave[:, 0], starts), np.maximum.reduceat(wave[:, 1], starts)
