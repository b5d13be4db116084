"""Arguments of `avseg convert`."""

from pathlib import Path

from avseg.cli.arguments.parser import Commands, add_verb

_EPILOG = """\
examples:
  avseg convert MS3_R50_best.pth --out ms3.ckpt data=avsbench_ms3 backbone=resnet50 audio.weights=vggish-10086976.pth
  avseg convert outputs/demo/RUN/seed=123 --out official.pth

A file of official names becomes a checkpoint that evaluate and predict read; its model is described by overrides, as
for train. A run or a checkpoint of avseg becomes a file of official names (.pth or .safetensors).
"""


def add_parser(commands: Commands) -> None:
    """Add the verb."""
    parser = add_verb(
        commands,
        "convert",
        run="avseg.cli.convert:run",
        summary="official weights to ours and back",
        description="Convert official weights to an avseg checkpoint, and back.",
        epilog=_EPILOG,
    )
    parser.add_argument("source", type=Path, help="a file of official weights, or a run or checkpoint of avseg")
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="the model of official weights")
    parser.add_argument("--out", type=Path, required=True, help="the file to write")
