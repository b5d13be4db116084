"""`avseg bench`: speed and memory, ours beside a plain form of the published method."""

import argparse
from pathlib import Path

_EPILOG = """\
the benchmarks are part of the source, not of the installed package: run it in a clone.
examples:
  avseg bench                                     everything: several minutes
  avseg bench --only train parts --repeats 9
  avseg bench --small                             tiny sizes: only checks that the benchmarks run
"""


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds the verb."""
    parser = commands.add_parser(
        "bench",
        help="speed and memory beside the plain published forms, as ratios",
        description=__doc__,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--only", nargs="+", metavar="PART", help="parts, as train or clips; an unknown one lists them. Default: all")
    add("--repeats", type=int, default=5, help="rounds for each comparison (default 5)")
    add("--out", type=Path, default=Path("outputs/benchmarks"), help="the folder to write (default outputs/benchmarks)")
    add("--small", action="store_true", help="tiny sizes: only checks that the benchmarks run")
    # several threads that wait for one another make the ratios depend on what else the machine does
    add("--threads", type=int, default=1, help="CPU threads (default 1: the steadiest ratios)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Runs the benchmarks of the clone that this package is installed from.

    Raises:
        UserError: the package was installed without its source, or the output is a file.
    """
    import importlib
    import sys

    from avseg.utils.errors import UserError

    source = Path(__file__).parents[3]
    if not (source / "benchmarks/run.py").exists():
        raise UserError("avseg bench needs the source: clone the repository and run `make bench` there")
    out: Path = arguments.out
    if file := next((path for path in (out, *out.parents) if path.is_file()), None):
        raise UserError(f"--out {out}: {file} is a file; name a folder")
    if str(source) not in sys.path:
        sys.path.insert(0, str(source))
    code: int = importlib.import_module("benchmarks.run").run(arguments)
    return code
