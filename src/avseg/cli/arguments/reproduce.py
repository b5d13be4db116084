"""Arguments of `avseg reproduce`."""

from pathlib import Path

from avseg.cli.arguments.parser import Commands, add_verb
from avseg.config.experiments import experiment_names

_EPILOG = """\
examples:
  avseg reproduce table_a1 --dry-run              lists the jobs, and how long they will take
  avseg reproduce table_a1 --seeds 1,2,3          mean and deviation over three seeds
  avseg reproduce table_a2 logger=wandb_offline   overrides for all jobs
  avseg reproduce table_a2 experiment=table_a2_long trainer.max_epochs=60
                                                  overrides that change results need a name of their own
  avseg reproduce my_tables/heads                 a folder with a sweep.yaml and a published.csv

the same command again runs only what is not complete. The table is in outputs/TABLE/table:
results.csv, comparisons.csv, table.md, table.tex and a plot.
exit code 1: some jobs are not complete; the table shows the others.
"""


def add_parser(commands: Commands) -> None:
    """Add the verb."""
    parser = add_verb(
        commands,
        "reproduce",
        run="avseg.cli.reproduce:run",
        summary="run a published table and show ours next to the paper's",
        description="Run the missing jobs of a published table, then show our numbers next to the paper's.",
        epilog=_EPILOG,
    )
    add = parser.add_argument
    add("table", metavar="TABLE", help=f"{', '.join(experiment_names())}, or a folder")
    add("overrides", nargs="*", metavar="KEY=VALUE", help="Hydra overrides for all jobs")
    add("--seeds", metavar="N,N,...", help="default: those of the table")
    add("--dry-run", action="store_true", help="list the jobs and start none")
    add("--no-run", action="store_true", help="write the table of the complete runs, and start no job")
    add("--jobs", type=int, metavar="N", help="maximum number of jobs at a time; default: as many as fit")
    add("--out", type=Path, help="folder of runs; default: outputs")
