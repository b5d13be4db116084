"""Runs all benchmarks, prints the ratios and writes them to a json file: `python -m benchmarks.run`."""

import argparse
import json
import platform
import statistics
from collections.abc import Sequence
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

from avseg.files import atomic_file
from benchmarks import bench_clips, bench_fscore, bench_tpavi, bench_train_step
from benchmarks.measure import Comparison


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.run",
        description="Speed and memory beside a plain form of the published method.",
        epilog="example: python -m benchmarks.run --repeats 9 --out outputs/benchmarks.json",
    )
    parser.add_argument("--repeats", type=int, default=5, help="rounds for each comparison (default 5)")
    parser.add_argument("--out", type=Path, default=Path("outputs/benchmarks.json"), help="the json file to write")
    parser.add_argument("--small", action="store_true", help="tiny sizes: only checks that the benchmarks run")
    # several threads that wait for one another make the ratios depend on what else the machine does
    parser.add_argument("--threads", type=int, default=1, help="CPU threads (default 1: the steadiest ratios)")
    chosen = parser.parse_args(arguments)
    torch.set_num_threads(chosen.threads)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    console = Console()
    found = _measure(chosen.repeats, device, small=chosen.small, console=console)
    console.print(_table(found, _machine(device)))
    with atomic_file(chosen.out) as path:
        report = {"machine": _machine(device), "comparisons": [c.as_dict() for c in found]}
        path.write_text(json.dumps(report, indent=2) + "\n")
    console.print(f"written to {chosen.out}")
    return 0


def _measure(repeats: int, device: str, *, small: bool, console: Console) -> list[Comparison]:
    shape = (1, 16, 2, 8, 8) if small else bench_tpavi.SHAPE
    count, size = (2, 32) if small else (20, 224)
    found = []
    with console.status("TPAVI: linear against quadratic"):
        found += bench_tpavi.measure(shape, repeats, device)
    with console.status("F-score: histogram against 255 thresholds"):
        found += bench_fscore.measure(count, size, repeats, device)
    with console.status("clips: packed against files"):
        found += bench_clips.measure(2 if small else 32, size, repeats)
    if device == "cuda":
        with console.status("train step: bf16 against plain fp32"):
            found += bench_train_step.measure(repeats=repeats)
    else:
        console.print("The whole train step (bf16 against plain fp32) is skipped: it needs a GPU, and there is none.")
    return found


def _table(found: Sequence[Comparison], machine: str) -> Table:
    table = Table(title="this package beside the plain published form", caption=machine)
    for column in ("what", "ours", "published", "published / ours", "asked for"):
        table.add_column(column, justify="left" if column == "what" else "right")
    for c in found:
        mine, theirs = (f"{statistics.median(values):,.1f} {c.unit}" for values in (c.ours, c.published))
        spread = f" ({min(c.ratios):.1f} to {max(c.ratios):.1f})" if len(c.ratios) > 1 else ""
        asked = "" if c.target is None else f">= {c.target:g}: {'yes' if c.ratio >= c.target else 'NO'}"
        table.add_row(c.name, mine, theirs, f"{c.ratio:.1f}{spread}", asked)
    return table


def _machine(device: str) -> str:
    name = torch.cuda.get_device_name() if device == "cuda" else f"CPU {platform.machine()}"
    return f"{name}, CPU threads: {torch.get_num_threads()}, torch {torch.__version__}; median (least to greatest)"


if __name__ == "__main__":
    raise SystemExit(main())
