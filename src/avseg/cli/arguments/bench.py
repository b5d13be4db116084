"""Arguments of `avseg bench`."""

from pathlib import Path

from avseg.cli.arguments.parser import Commands, add_verb

_EPILOG = """\
the benchmarks are part of the source, not of the installed package: run it in a clone.
examples:
  avseg bench                                     everything: several minutes
  avseg bench --only train parts --repeats 9
  avseg bench --small                             tiny sizes: only checks that the benchmarks run
"""


def add_parser(commands: Commands) -> None:
    """Add the verb."""
    parser = add_verb(
        commands,
        "bench",
        run="avseg.cli.bench:run",
        summary="speed and memory relative to the published implementations",
        description="Measure speed and memory as ratios to a plain form of the published method.",
        epilog=_EPILOG,
    )
    add = parser.add_argument
    add(
        "--only",
        nargs="+",
        metavar="PART",
        help="such as train or clips; an unknown one lists them (default: all)",
    )
    add("--repeats", type=int, default=5, help="rounds for each comparison (default: 5)")
    add("--out", type=Path, default=Path("outputs/benchmarks"), help="folder to write (default: outputs/benchmarks)")
    add("--small", action="store_true", help="tiny sizes: only checks that the benchmarks run")
    # the ratios of several threads depend on the other load of the machine
    add("--threads", type=int, default=1, help="CPU threads (default: 1, the most stable ratios)")
