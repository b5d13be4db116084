"""Arguments of `avseg demo`."""

from pathlib import Path

from avseg.cli.arguments.parser import Commands, add_verb

_EPILOG = """\
examples:
  avseg demo                  create a toy MS3 set, train, evaluate with the controls, predict on a video
  avseg demo listening        show that TPAVI uses the sound, and that the frame scope resolves it in time
  avseg demo cutouts          the same workflow on real cut-outs with real sounds (after `avseg data cutouts`)
"""


def add_parser(commands: Commands) -> None:
    """Add the verb."""
    parser = add_verb(
        commands,
        "demo",
        run="avseg.cli.demo:run",
        summary="the complete workflow on synthetic data, in minutes",
        description="Run the complete workflow on synthetic data, up to a score table and a video with sound.",
        epilog=_EPILOG,
    )
    add = parser.add_argument
    add("which", nargs="?", choices=("main", "listening", "cutouts"), default="main", help="default: main")
    add("--out", type=Path, default=Path("outputs"), help="folder of runs; default: outputs")
    add("--data", type=Path, default=Path("data"), help="folder of data sets; default: data")
