"""Finds runs and their checkpoints."""

from pathlib import Path

from avseg.errors import UserError
from avseg.runs.directory import RunDirectory

_HOW = "`make demo` makes a small one in minutes, `avseg train` a real one"


def newest_complete_run(root: Path) -> Path | None:
    """The run under `root` that finished last, or None."""
    results = sorted(root.glob("**/seed=*/result.json"), key=lambda path: path.stat().st_mtime)
    return results[-1].parent if results else None


def checkpoint_of(run_or_file: Path) -> Path:
    """The checkpoint file that a user means by a run directory or a file.

    Args:
        run_or_file: a run directory (its best checkpoint), a folder above exactly one run, or a checkpoint file.

    Raises:
        UserError: there is none, or several.
    """
    if run_or_file.is_file():
        return run_or_file
    if not run_or_file.exists():
        raise UserError(f"checkpoint {run_or_file} does not exist; give a run directory or a checkpoint file ({_HOW})")
    for candidate in (RunDirectory(run_or_file).best, RunDirectory(run_or_file).last):
        if candidate.is_file():
            return candidate
    below = sorted(run_or_file.glob("**/checkpoints/best.ckpt"))
    if len(below) == 1:
        return below[0]
    if below:
        names = ", ".join(str(path.parents[1]) for path in below[:3])
        raise UserError(f"checkpoint {run_or_file} holds {len(below)} runs; name one of them: {names}")
    raise UserError(f"checkpoint {run_or_file} holds no checkpoints/best.ckpt; give a run directory or a file ({_HOW})")
