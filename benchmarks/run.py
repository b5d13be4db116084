"""Run the benchmarks and compare ours with the plain published form: `avseg bench`, `make bench`.

Writes a json file, a markdown table and a figure, adds a line to the history, and lists slow-downs.
"""

import argparse
import json
import subprocess
import traceback
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import torch
from rich.console import Console

from avseg.utils.errors import UserError, nearest
from avseg.utils.files import atomic_file
from benchmarks import (
    bench_aavs,
    bench_avsegformer,
    bench_clips,
    bench_fscore,
    bench_log_mel,
    bench_long_video,
    bench_parts,
    bench_predict,
    bench_scaling,
    bench_startup,
    bench_tpavi,
    bench_train_step,
    figure,
    history,
    report,
)
from benchmarks.measure import Comparison, peak_flops

ROOT = Path(__file__).parent.parent
# recorded runs to compare with; to add one, append the last line of a folder's history.jsonl
RECORDED = Path(__file__).parent / "history.jsonl"
Measure = Callable[[int, str, bool], list[Comparison]]


def _clips(repeats: int, device: str, small: bool) -> list[Comparison]:
    return bench_clips.measure(4 if small else 32, 32 if small else 224, repeats)


def _tpavi(repeats: int, device: str, small: bool) -> list[Comparison]:
    return bench_tpavi.measure((1, 16, 2, 8, 8) if small else bench_tpavi.SHAPE, repeats, device)


def _avsegformer(repeats: int, device: str, small: bool) -> list[Comparison]:
    return bench_avsegformer.measure(repeats, device, size=64 if small else 224)


def _fscore(repeats: int, device: str, small: bool) -> list[Comparison]:
    return bench_fscore.measure(2 if small else 20, 32 if small else 224, repeats, device)


def _long(repeats: int, device: str, small: bool) -> list[Comparison]:
    size, seconds = ((96, 144), 2) if small else ((720, 1280), 10)
    speeds = bench_long_video.measure(seconds, 1.0, size, device, small=small)
    name = f"LU-AVS evaluation of {size[0]}p, a second of video"
    return [Comparison(f"{name}: {speed.name}", "ms", [1000 / speed.wall]) for speed in speeds]


# the quick ones first
PARTS: dict[str, tuple[str, Measure]] = {
    "startup": ("start-up of commands, next to import torch", lambda r, d, s: bench_startup.measure(r, small=s)),
    "clips": ("clips from files and packed", _clips),
    "log_mel": ("log-mel", lambda r, d, s: bench_log_mel.measure(r, d, small=s)),
    "tpavi": ("TPAVI at stage 1: linear against quadratic", _tpavi),
    "parts": ("TPAVI over T, neck, decoder, VGGish", lambda r, d, s: bench_parts.measure(r, d, small=s)),
    "train": ("whole train and eval step", lambda r, d, s: bench_train_step.measure(r, d, small=s)),
    "avsegformer": ("AVSegFormer evaluation step", _avsegformer),
    "aavs": ("AAVS: a frame with one sound and with five", lambda r, d, s: bench_aavs.measure(r, d, small=s)),
    "fscore": ("F-score: histogram against 255 thresholds", _fscore),
    "predict": ("avseg predict", lambda r, d, s: bench_predict.measure(r, d, small=s)),
    "long": ("evaluation of long videos by modality", _long),
    "scaling": ("scaling over batch, size, workers, processes", lambda r, d, s: bench_scaling.measure(r, d, small=s)),
}


def run(arguments: argparse.Namespace) -> int:
    """Run the selected parts; the options are those of `avseg bench`.

    Raises:
        UserError: an unknown part, or a count below 1.
    """
    parts = arguments.only or list(PARTS)
    for part in parts:
        if part not in PARTS:
            raise UserError(f"--only {part}: unknown part{nearest(part, PARTS)}; there are {', '.join(PARTS)}")
    if arguments.repeats < 1 or arguments.threads < 1:
        raise UserError(f"--repeats {arguments.repeats} --threads {arguments.threads}: give 1 or more of both")
    torch.set_num_threads(arguments.threads)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    console, comparisons, failed = Console(), [], []
    machine, peak = report.machine(device), peak_flops(device, 256 if arguments.small else 2048)
    for position, part in enumerate(parts, start=1):
        description, measure = PARTS[part]
        try:
            with console.status(f"[{position}/{len(parts)}] {description}"):
                new = measure(arguments.repeats, device, arguments.small)
        except Exception:  # keep the results of the other parts
            failed.append(part)
            traceback.print_exc()
            continue
        console.print(f"[{position}/{len(parts)}] {description}: {len(new)} measured", markup=False)
        comparisons += new
        _write(comparisons, arguments.out, machine, peak)
    if comparisons:
        console.print(report.table(comparisons, machine, peak))
        _record(comparisons, arguments.out, machine, console, small=arguments.small)
    if failed:
        console.print(f"failed, see above: {', '.join(failed)}", style="bold red")
    return 1 if failed else 0


def _write(comparisons: Sequence[Comparison], out: Path, machine: str, peak: float) -> None:
    """Write all results so far to the folder."""
    out.mkdir(parents=True, exist_ok=True)
    content = {"machine": machine, "peak_flops": peak, "comparisons": [c.as_dict() for c in comparisons]}
    with atomic_file(out / "benchmarks.json") as path:
        path.write_text(json.dumps(content, indent=2) + "\n")
    with atomic_file(out / "benchmarks.md") as path:
        path.write_text(report.markdown(comparisons, machine, peak))
    with atomic_file(out / "benchmarks.png") as path:
        figure.draw(comparisons, machine, path)


def _record(comparisons: Sequence[Comparison], out: Path, machine: str, console: Console, *, small: bool) -> None:
    """Add the run to the history and print slow-downs."""
    if not small:  # tiny sizes do not measure speed
        new = history.entry(comparisons, machine, _commit(), datetime.now(UTC).isoformat(timespec="seconds"))
        earlier = [*history.read_history(RECORDED), *history.read_history(out / "history.jsonl")]
        for line in history.slower(new, earlier):
            console.print(f"slower: {line}", style="bold red", highlight=False)
        history.append(out / "history.jsonl", new)
    console.print(f"written to {out}: {', '.join(sorted(path.name for path in out.iterdir()))}")


def _commit() -> str:
    done = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True)
    return done.stdout.strip()
