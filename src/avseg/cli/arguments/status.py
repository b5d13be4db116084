"""Arguments of `avseg status`."""

from pathlib import Path

from avseg.cli.arguments.parser import Commands, add_verb

_EPILOG = """\
examples:
  avseg status                  the experiments under outputs, with counts
  avseg status table_a1         a line per job; a failed one with its log
  avseg status table_a1 --seeds 1,2,3
"""


def add_parser(commands: Commands) -> None:
    """Add the verb."""
    parser = add_verb(
        commands,
        "status",
        run="avseg.cli.status:run",
        summary="the jobs that are complete, running, failed or missing",
        description="Show the jobs of a table, or the runs of any experiment: complete, running, failed or missing.",
        epilog=_EPILOG,
    )
    add = parser.add_argument
    add("experiment", nargs="?", metavar="EXPERIMENT", help="default: all under outputs, as counts")
    add("--seeds", metavar="N,N,...", help="of a table; default: its own and those that were started")
    add("--out", type=Path, default=Path("outputs"), help="folder of runs; default: outputs")
