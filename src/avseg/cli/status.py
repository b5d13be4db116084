"""`avseg status`: which jobs of a table, or runs of any experiment, are complete, running, failed or missing."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from avseg.config.experiments import experiment_names
from avseg.utils.errors import UserError, nearest

if TYPE_CHECKING:
    from rich.table import Table

    from avseg.runs import RunDirectory
    from avseg.sweep import State

_EPILOG = """\
examples:
  avseg status                  the experiments under outputs, with counts
  avseg status table_a1         a line per job; a failed one with its log
  avseg status table_a1 --seeds 1,2,3
"""
_COLOURS = {"complete": "green", "running": "cyan", "failed": "red", "interrupted": "yellow", "missing": "dim"}


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds the verb."""
    parser = commands.add_parser(
        "status",
        help="which jobs are done, running, failed, missing",
        description=__doc__,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("experiment", nargs="?", metavar="EXPERIMENT", help="default: all under outputs, in counts")
    parser.add_argument("--seeds", metavar="N,N,...", help="of a table; default: its own, and those begun")
    parser.add_argument("--out", type=Path, default=Path("outputs"), help="where the runs are; default: outputs")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Shows states."""
    from avseg.cli.scores_table import print_table

    outputs, name = Path(arguments.out).expanduser(), arguments.experiment
    begun = _begun(outputs)
    if name is None:
        print_table(_counts(outputs, begun))
        return 0
    if name not in begun and name not in experiment_names() and "/" not in name:
        every = {*begun, *experiment_names()}
        raise UserError(
            f"experiment '{name}' does not exist; {outputs} and experiments/ know "
            f"{', '.join(sorted(every))}{nearest(name, every)}"
        )
    print_table(_jobs(name, outputs, begun, arguments.seeds))
    return 0


def _begun(outputs: Path) -> "dict[str, list[RunDirectory]]":
    """The run directories under the outputs by experiment."""
    from avseg.runs import RunDirectory

    found: dict[str, list[RunDirectory]] = {}
    for path in sorted(outputs.glob("**/*/*/seed=*")):
        if path.is_dir() and path.name.removeprefix("seed=").isdecimal():
            found.setdefault(path.parents[1].relative_to(outputs).as_posix(), []).append(RunDirectory(path))
    return found


def _counts(outputs: Path, begun: "dict[str, list[RunDirectory]]") -> "Table":
    from rich.table import Table

    from avseg.sweep import State, state_of

    shown = Table(title=f"experiments under {outputs}", caption="" if begun else "none yet")
    shown.add_column("experiment")
    states = [state for state in State if state is not State.MISSING]
    for state in states:
        shown.add_column(state.value, justify="right")
    for name, runs in begun.items():
        count = [sum(state_of(run) is state for run in runs) for state in states]
        shown.add_row(name, *(str(number) if number else "" for number in count))
    return shown


def _jobs(name: str, outputs: Path, begun: "dict[str, list[RunDirectory]]", seeds: str | None) -> "Table":
    """The jobs of a table, those that were never begun too, then the other runs of that name."""
    from rich.table import Table

    from avseg.sweep import state_of

    # an experiment may lie deeper, too: tables/heads
    folder = "/" in name and (name not in begun or Path(name, "sweep.yaml").is_file())
    planned = _planned(name, outputs, begun, seeds) if name in experiment_names() or folder else {}
    runs = planned | {run: run.path.parent.name for run in begun.get(name, []) if run not in planned}
    states = {run: state_of(run) for run in runs}
    counts = {state: list(states.values()).count(state) for state in dict.fromkeys(states.values())}
    caption = ", ".join(f"{count} {state}" for state, count in counts.items())
    shown = Table(title=name, caption=f"{len(runs)} jobs: {caption}")
    for title, right in (("job", 0), ("seed", 1), ("state", 0), ("epoch", 1), ("best val mIoU", 1), ("test mIoU", 1)):
        shown.add_column(title, justify="right" if right else "left", overflow="fold")
    shown.add_column("log", overflow="fold")
    for run, job in runs.items():
        state = f"[{_COLOURS[states[run]]}]{states[run]}[/]"
        shown.add_row(job, run.path.name.removeprefix("seed="), state, *_progress(run), _log(run, states[run]))
    return shown


def _planned(
    name: str, outputs: Path, begun: "dict[str, list[RunDirectory]]", seeds: str | None
) -> "dict[RunDirectory, str]":
    from avseg.cli.reproduce import read_seeds
    from avseg.cli.reproduce_jobs import Reproduction
    from avseg.tables.experiment import read_experiment

    experiment = read_experiment(name)
    known = {int(run.path.name.removeprefix("seed=")) for run in begun.get(experiment.name, [])}
    asked = read_seeds(seeds) or sorted({*experiment.seeds, *known})
    work = Reproduction.of(name, [f"paths.outputs={outputs}"], asked)
    cells = {job.run: f"{cell.row}, {cell.column}" for (cell, _), job in work.cells.items()}
    return {job.run: job.name for job in work.sources} | cells


def _progress(run: "RunDirectory") -> tuple[str, str, str]:
    """Finished epochs, the best validation mIoU and the test mIoU (per cent)."""
    from avseg.runs import read_json
    from avseg.sweep.live_table import epochs

    rows = epochs(run.metrics)
    scores = [float(row["val/miou"]) for row in rows if row.get("val/miou")]
    tested = read_json(run.result).get("scores", {}).get("own", {}).get("miou") if run.complete else None
    return (
        str(int(rows[-1]["epoch"]) + 1) if rows else "",
        f"{100 * max(scores):.2f}" if scores else "",
        "" if tested is None else f"{100 * tested:.2f}",
    )


def _log(run: "RunDirectory", state: "State") -> str:
    from avseg.runs.lock import log_file
    from avseg.sweep import State

    path = log_file(run)
    return str(path) if state in (State.FAILED, State.INTERRUPTED, State.RUNNING) and path.is_file() else ""
