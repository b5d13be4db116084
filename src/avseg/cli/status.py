"""`avseg status`: show the states of the jobs of a table, or of the runs of any experiment."""

import argparse
from collections import Counter
from pathlib import Path

from rich.table import Table

from avseg.cli.console_table import new_table, print_table
from avseg.cli.reproduce_jobs import Reproduction, read_seeds
from avseg.config.paths import experiment_names
from avseg.runs import RunDirectory, read_json
from avseg.runs.inputs import difference_since
from avseg.runs.lock import log_file
from avseg.sweep import State, state_of
from avseg.sweep.live_table import read_epochs
from avseg.tables.experiment import read_experiment
from avseg.utils.errors import UserError, nearest

_COLOURS = {
    State.COMPLETE: "green",
    State.CHANGED: "yellow",
    State.RUNNING: "cyan",
    State.FAILED: "red",
    State.INTERRUPTED: "yellow",
    State.MISSING: "dim",
}


def run(arguments: argparse.Namespace) -> int:
    """Print the states; an unknown experiment is a `UserError`."""
    outputs = Path(arguments.out).expanduser()
    name = arguments.experiment
    existing = _existing_runs(outputs)
    if name is None:
        print_table(_counts_table(outputs, existing))
        return 0
    names = {*existing, *experiment_names()}
    if name not in names and "/" not in name:
        raise UserError(
            f"experiment '{name}' does not exist; those in {outputs} and experiments/: "
            f"{', '.join(sorted(names))}{nearest(name, names)}"
        )
    print_table(_jobs_table(name, outputs, existing, arguments.seeds))
    return 0


def _existing_runs(outputs: Path) -> dict[str, list[RunDirectory]]:
    runs: dict[str, list[RunDirectory]] = {}  # by experiment
    # outputs/EXPERIMENT/RUN/seed=N; the name of an experiment may have slashes
    for path in sorted(outputs.glob("**/*/*/seed=*")):
        if path.is_dir() and path.name.removeprefix("seed=").isdecimal():
            experiment = path.parents[1].relative_to(outputs).as_posix()
            runs.setdefault(experiment, []).append(RunDirectory(path))
    return runs


def _counts_table(outputs: Path, existing: dict[str, list[RunDirectory]]) -> Table:
    columns = [state for state in State if state not in (State.MISSING, State.CHANGED)]
    table = new_table(f"experiments under {outputs}", ("experiment", *columns), ("experiment",))
    table.caption = "" if existing else "none yet"
    for name, runs in existing.items():
        counts = Counter(map(state_of, runs))
        table.add_row(name, *(str(counts[state] or "") for state in columns))
    return table


def _jobs_table(name: str, outputs: Path, existing: dict[str, list[RunDirectory]], seeds: str | None) -> Table:
    # the jobs of a published table, started or not, come before the other runs of that name
    # runs may be in a nested experiment, too: tables/heads
    is_folder = "/" in name and (name not in existing or Path(name, "sweep.yaml").is_file())
    jobs: dict[RunDirectory, str] = {}  # names by run
    if name in experiment_names() or is_folder:
        jobs = _planned_jobs(name, outputs, existing, seeds)
    for run in existing.get(name, []):
        jobs.setdefault(run, run.path.parent.name)
    states = dict(zip(jobs, map(_state, jobs), strict=True))
    caption = ", ".join(f"{count} {state}" for state, count in Counter(states.values()).items())
    titles = ("job", "seed", "state", "epoch", "best val mIoU", "test mIoU", "log")
    table = new_table(name, titles, ("job", "state", "log"), overflow="fold")
    table.caption = f"{len(jobs)} jobs: {caption}"
    for run, job in jobs.items():
        state = states[run]
        table.add_row(job, _seed(run), f"[{_COLOURS[state]}]{state}[/]", *_progress(run), _log(run, state))
    return table


def _planned_jobs(
    name: str, outputs: Path, existing: dict[str, list[RunDirectory]], seeds: str | None
) -> dict[RunDirectory, str]:
    # with the seeds of the command line, or those of the table and those that exist
    chosen = read_seeds(seeds)
    if chosen is None:
        experiment = read_experiment(name)
        started = map(int, map(_seed, existing.get(experiment.runs, [])))
        chosen = sorted({*experiment.sweep.seeds, *started})
    reproduction = Reproduction.of(name, [f"paths.outputs={outputs}"], chosen)
    jobs = {job.run: job.name for job in reproduction.sources}
    for (cell, _), job in reproduction.cells.items():
        jobs[job.run] = f"{cell.row}, {cell.column}"
    return jobs


def _state(run: RunDirectory) -> State:
    state = state_of(run)
    return State.CHANGED if state is State.COMPLETE and difference_since(run) else state


def _seed(run: RunDirectory) -> str:
    return run.path.name.removeprefix("seed=")


def _progress(run: RunDirectory) -> tuple[str, str, str]:
    """Return the number of finished epochs, the best validation mIoU and the test mIoU (per cent)."""
    epochs = read_epochs(run.metrics)
    scores = [float(epoch["val/miou"]) for epoch in epochs if epoch.get("val/miou")]
    test_score = read_json(run.result).get("scores", {}).get("own", {}).get("miou") if run.complete else None
    return (
        str(int(epochs[-1]["epoch"]) + 1) if epochs else "",
        f"{100 * max(scores):.2f}" if scores else "",
        "" if test_score is None else f"{100 * test_score:.2f}",
    )


def _log(run: RunDirectory, state: State) -> str:
    path = log_file(run)
    has_log = state in (State.FAILED, State.INTERRUPTED, State.RUNNING) and path.is_file()
    return str(path) if has_log else ""  # the log of a complete run is of no interest
