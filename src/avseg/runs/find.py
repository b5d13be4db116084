"""Find runs and their checkpoints."""

import os
from collections.abc import Iterator
from pathlib import Path

from avseg.runs.directory import RunDirectory
from avseg.utils.errors import UserError

_HOW = "`avseg demo` makes a small one in minutes, `avseg train` a real one"


def newest_complete_run(root: Path) -> Path | None:
    """Return the run under `root` that finished last, or None."""
    results = sorted(root.glob("**/seed=*/result.json"), key=lambda path: path.stat().st_mtime)
    return results[-1].parent if results else None


def complete_run(outputs: Path, run_id: str) -> RunDirectory | None:
    """Return the finished run of that id in any experiment, or None; of several the one that finished first."""
    complete = [run for run in runs_of(outputs, run_id) if run.complete]
    return min(complete, key=lambda run: (run.result.stat().st_mtime_ns, run.path), default=None)


def runs_of(outputs: Path, run_id: str) -> list[RunDirectory]:
    """Return the directories of the run of that id, finished or only begun, one per experiment that has it."""
    name, _, seed = run_id.rpartition("-s")  # <slug>-<hash8>-s<seed>
    runs = []
    for folder in _folders(outputs.expanduser(), name):
        run = RunDirectory(folder / f"seed={seed}")
        if run.config.is_file() or run.complete:
            runs.append(run)
    return runs


def _folders(outputs: Path, name: str) -> Iterator[Path]:
    for parent, below, _ in os.walk(outputs):
        if name in below:
            yield Path(parent) / name
        # os.walk then skips the content of runs
        below[:] = sorted(folder for folder in below if not folder.startswith(("seed=", ".")))


def checkpoint_of(run_or_file: Path) -> Path:
    """Find the checkpoint of a run directory (its best one), of a folder above exactly one run, or the file itself.

    None, or several, are a `UserError`.
    """
    if run_or_file.is_file():
        return run_or_file
    if not run_or_file.exists():
        raise UserError(f"checkpoint {run_or_file} does not exist; give a run directory or a checkpoint file ({_HOW})")
    for candidate in (RunDirectory(run_or_file).best, RunDirectory(run_or_file).last):
        if candidate.is_file():
            return candidate
    below = sorted(run_or_file.glob("**/checkpoints/best.ckpt"))  # of a folder of runs
    if len(below) == 1:
        return below[0]
    if below:
        names = ", ".join(str(path.parents[1]) for path in below[:3])
        raise UserError(f"checkpoint {run_or_file} holds {len(below)} runs; name one of them: {names}")
    raise UserError(f"checkpoint {run_or_file} holds no checkpoints/best.ckpt; give a run directory or a file ({_HOW})")
