"""The benchmark's table, for the terminal and as markdown."""

import platform
import statistics
from collections.abc import Sequence
from pathlib import Path

import torch
from rich.table import Table

from benchmarks.measure import Comparison

COLUMNS = ("quantity", "ours", "published", "published / ours", "target", "share of peak")


def machine(device: str) -> str:
    """Name the processor, its threads and torch's version; timings are comparable only if these are equal."""
    name = torch.cuda.get_device_name() if device == "cuda" else f"CPU {_processor()}"
    return f"{name}, CPU threads: {torch.get_num_threads()}, torch {torch.__version__}"


def rows(comparisons: Sequence[Comparison], peak: float) -> list[tuple[str, ...]]:
    """Format one row per comparison: medians, with the least and the greatest ratio of the rounds."""
    return [(c.name, *_values(c), *_ratio(c), _share(c, peak)) for c in comparisons]


def table(comparisons: Sequence[Comparison], caption: str, peak: float) -> Table:
    """Build the table for the terminal."""
    rich_table = Table(
        title="this package compared with the plain published form", caption=f"{caption}; median (least to greatest)"
    )
    rich_table.add_column("quantity", min_width=30)
    for column in ("ours", "published", "published / ours"):
        rich_table.add_column(column, justify="right", no_wrap=column != "published / ours")
    for quantity, ours, published, ratio, target, _ in rows(comparisons, peak):
        rich_table.add_row(quantity, ours, published, f"{ratio}\ntarget {target}" if target else ratio)
    return rich_table


def markdown(comparisons: Sequence[Comparison], caption: str, peak: float) -> str:
    """Format a markdown table."""
    lines = [f"| {' | '.join(COLUMNS)} |", f"|---|{'---:|' * (len(COLUMNS) - 1)}"]
    lines += [f"| {' | '.join(row)} |" for row in rows(comparisons, peak)]
    text = f"{caption}; measured peak {peak / 1e9:.0f} GFLOP/s (float32 matrix product)"
    return "\n".join([*lines, "", f"{text}; median (least to greatest).", ""])


def _values(c: Comparison) -> tuple[str, str]:
    mine = f"{statistics.median(c.ours):,.1f} {c.unit}"
    return mine, f"{statistics.median(c.published):,.1f} {c.unit}" if c.published else "-"


def _ratio(c: Comparison) -> tuple[str, str]:
    if c.ratio is None:
        return "-", ""
    spread = f" ({min(c.ratios):.1f} to {max(c.ratios):.1f})" if len(c.ratios) > 1 else ""
    target = "" if c.target is None else f">= {c.target:g}: {'yes' if c.reached else 'NO'}"
    return f"{c.ratio:.1f}{spread}", target


def _share(c: Comparison, peak: float) -> str:
    """Format the operations per second of ours as a share of the machine's measured peak."""
    if c.flops is None or c.unit != "ms":
        return ""
    return f"{c.flops[0] / (statistics.median(c.ours) / 1000) / peak:.0%}"


def _processor() -> str:
    """Return the processor's model name where Linux reports it."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
