"""`avseg reproduce`: runs what is missing of a published table, then shows ours beside the paper's."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from avseg.config.experiments import experiment_names
from avseg.utils.errors import UserError

if TYPE_CHECKING:
    from avseg.sweep import Job
    from avseg.tables.experiment import Experiment
    from avseg.tables.table import Table

_EPILOG = """\
examples:
  avseg reproduce table_a1 --dry-run              lists the jobs, and how long they will take
  avseg reproduce table_a1 --seeds 1,2,3          mean and deviation over three seeds
  avseg reproduce table_a2 logger=wandb_offline   words for all jobs
  avseg reproduce table_a2 experiment=table_a2_long data.epochs=60
                                                  other science needs a name of its own
  avseg reproduce my_tables/heads                 a folder with a sweep.yaml and a published.csv

the same command again runs only what is not complete. The table lies in outputs/TABLE/table:
results.csv, comparisons.csv, table.md, table.tex and a picture.
exit code 1: some jobs are not complete; the table shows the others.
"""


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds the verb."""
    parser = commands.add_parser(
        "reproduce",
        help="run a published table and show ours beside the paper's",
        description=__doc__,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("table", metavar="TABLE", help=f"{', '.join(experiment_names())}, or a folder")
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="Hydra overrides for all jobs")
    parser.add_argument("--seeds", metavar="N,N,...", help="default: those of the table")
    parser.add_argument("--dry-run", action="store_true", help="list the jobs and start none")
    parser.add_argument("--no-run", action="store_true", help="write the table of what is complete, and start no job")
    parser.add_argument("--jobs", type=int, metavar="N", help="at most so many at once; default: as many as fit")
    parser.add_argument("--out", type=Path, help="where runs go; default: outputs")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Reproduces a table; returns 0 when every cell is complete, else 1."""
    from avseg.cli.reproduce_jobs import Reproduction

    if arguments.jobs is not None and arguments.jobs < 1:
        raise UserError(f"--jobs {arguments.jobs}: at least one job must run at a time")
    overrides = list(arguments.overrides)
    if arguments.out is not None:
        overrides.insert(0, f"paths.outputs={arguments.out}")
    work = Reproduction.of(arguments.table, overrides, read_seeds(arguments.seeds))
    if arguments.dry_run:
        from avseg.sweep.jobs import make_pool
        from avseg.sweep.plan_table import show_plan

        show_plan(work.jobs, make_pool(work.jobs, arguments.jobs))
        return 0
    left = [] if arguments.no_run else _run_missing(work.experiment, work.jobs, arguments.jobs)
    table = work.table()
    _show(table, work.write(table))
    for line in left:
        print(line, file=sys.stderr)
    return 1 if left or work.incomplete else 0


def read_seeds(text: str | None) -> list[int] | None:
    """The numbers of `--seeds 1,2,3`; None when it was not given.

    Raises:
        UserError: something else than whole numbers.
    """
    if text is None:
        return None
    words = [word for word in text.split(",") if word.strip()]
    if not words or not all(word.strip().isdecimal() for word in words):
        raise UserError(f"--seeds {text}: give whole numbers with commas between them, such as 1,2,3")
    return list(dict.fromkeys(int(word) for word in words))


def _run_missing(experiment: "Experiment", jobs: Sequence["Job"], at_once: int | None) -> list[str]:
    """Makes the data and runs the jobs; returns what is to be said of those that are not complete."""
    from avseg.sweep import run_jobs
    from avseg.sweep.plan_table import failures

    _prepare(experiment, [job for job in jobs if not job.run.complete])
    return failures(run_jobs(jobs, jobs_at_once=at_once))


def _prepare(experiment: "Experiment", jobs: Sequence["Job"]) -> None:
    """Makes the toy data that the table asks for, and looks for the data of all jobs before the first one starts."""
    from avseg.cli.demo_steps import make_data

    settings = {Path(job.config["data"]["root"]): str(job.config["data"]["setting"]) for job in jobs}
    for root, setting in settings.items():
        if words := experiment.sweep.prepare.get(root.name):
            make_data(root, words)
        _look_for(root, setting)


def _look_for(root: Path, setting: str) -> None:
    if setting == "lu_avs":
        from avseg.data.lu_avs import read_release

        read_release(root)
    else:
        from avseg.data.avsbench.layout import layout_for

        layout_for(setting, root).read_index()


def _show(table: "Table", written: list[Path]) -> None:
    from avseg.cli.reproduced_table import console_table, explanations
    from avseg.cli.scores_table import print_table

    print_table(console_table(table))
    for sentence in explanations(table):
        print(f"- {sentence}")
    for path in written:
        print(f"written: {path}")
