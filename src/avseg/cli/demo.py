"""`avseg demo`: the main job on made data, from nothing to a score table, a picture and a video with sound."""

import argparse
from pathlib import Path

_EPILOG = """\
examples:
  avseg demo                  make a toy MS3 set, train, evaluate with the controls, predict on a video
  avseg demo listening        prove that TPAVI listens, and that the frame scope can tell when
  avseg demo cutouts          the same job on real cut-outs with real sounds (after `avseg data cutouts`)
"""


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds the verb."""
    parser = commands.add_parser(
        "demo",
        help="the main job on made data, in minutes",
        description=__doc__,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "which", nargs="?", choices=("main", "listening", "cutouts"), default="main", help="default: main"
    )
    parser.add_argument("--out", type=Path, default=Path("outputs"), help="where runs go; default: outputs")
    parser.add_argument("--data", type=Path, default=Path("data"), help="where data goes; default: data")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Runs a demonstration."""
    import avseg.cli.demo_steps as demos

    job = {"main": demos.main, "listening": demos.listening, "cutouts": demos.cutouts}[arguments.which]
    job(arguments.data, arguments.out)
    return 0
