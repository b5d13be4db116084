"""The benchmark's table, on the screen and as markdown."""

import platform
import statistics
from collections.abc import Sequence
from pathlib import Path

import torch
from rich.table import Table

from benchmarks.measure import Comparison

COLUMNS = ("what", "ours", "published", "published / ours", "asked for", "share of peak")


def machine(device: str) -> str:
    """The processor, its threads and torch's version: what timings may be compared on."""
    name = torch.cuda.get_device_name() if device == "cuda" else f"CPU {_processor()}"
    return f"{name}, CPU threads: {torch.get_num_threads()}, torch {torch.__version__}"


def rows(found: Sequence[Comparison], peak: float) -> list[tuple[str, ...]]:
    """One row of text for each comparison; medians, with the least and the greatest ratio of the rounds."""
    return [(c.name, *_values(c), *_ratio(c), _share(c, peak)) for c in found]


def table(found: Sequence[Comparison], caption: str, peak: float) -> Table:
    """The table for the screen."""
    made = Table(title="this package beside the plain published form", caption=f"{caption}; median (least to greatest)")
    made.add_column("what", min_width=30)
    for column in ("ours", "published", "published / ours"):
        made.add_column(column, justify="right", no_wrap=column != "published / ours")
    for what, ours, published, ratio, asked, _ in rows(found, peak):
        made.add_row(what, ours, published, f"{ratio}\nasked {asked}" if asked else ratio)
    return made


def markdown(found: Sequence[Comparison], caption: str, peak: float) -> str:
    """The same as a markdown table."""
    lines = [f"| {' | '.join(COLUMNS)} |", f"|---|{'---:|' * (len(COLUMNS) - 1)}"]
    lines += [f"| {' | '.join(row)} |" for row in rows(found, peak)]
    text = f"{caption}; measured peak {peak / 1e9:.0f} GFLOP/s (float32 matrix product)"
    return "\n".join([*lines, "", f"{text}; median (least to greatest).", ""])


def _values(c: Comparison) -> tuple[str, str]:
    mine = f"{statistics.median(c.ours):,.1f} {c.unit}"
    return mine, f"{statistics.median(c.published):,.1f} {c.unit}" if c.published else "-"


def _ratio(c: Comparison) -> tuple[str, str]:
    if c.ratio is None:
        return "-", ""
    spread = f" ({min(c.ratios):.1f} to {max(c.ratios):.1f})" if len(c.ratios) > 1 else ""
    asked = "" if c.target is None else f">= {c.target:g}: {'yes' if c.reached else 'NO'}"
    return f"{c.ratio:.1f}{spread}", asked


def _share(c: Comparison, peak: float) -> str:
    """Operations per second of ours beside the machine's measured peak."""
    if c.flops is None or c.unit != "ms":
        return ""
    return f"{c.flops[0] / (statistics.median(c.ours) / 1000) / peak:.0%}"


def _processor() -> str:
    """The model's name where Linux tells it."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
