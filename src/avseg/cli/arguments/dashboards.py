"""Arguments of `avseg dashboards`."""

from pathlib import Path

from avseg.cli.arguments.parser import Commands, add_verb

_EPILOG = """\
examples:
  avseg dashboards                                          writes dashboards/workspace.json, needs no login
  avseg dashboards --entity lab --project avseg --save      uploads it as a saved view
  avseg dashboards --experiment table_a1 --data avsbench_s4 --save
  avseg dashboards --sweep table_a1 --out sweep.yaml data.root=/data/AVSBench
"""


def add_parser(commands: Commands) -> None:
    """Add the verb."""
    parser = add_verb(
        commands,
        "dashboards",
        run="avseg.cli.dashboards:run",
        summary="the wandb workspace as code, and published tables as wandb sweeps",
        description="Write the wandb workspace from code, or a published table as wandb sweeps.",
        epilog=_EPILOG,
    )
    add = parser.add_argument
    add("--entity", default="", help="user or team at wandb; default: your own")
    add("--project", default="avseg", help="default: avseg")
    add("--experiment", help="show only the runs of this experiment")
    add("--data", help="show only the runs on this data set")
    add("--out", type=Path, help="file to write; default: dashboards/workspace.json")
    add("--save", action="store_true", help="upload to wandb; needs a login")
    add("--view", metavar="URL", help="with --save: the saved view to replace; default: a new one")
    add("--sweep", metavar="TABLE", help="write this table as a wandb sweep instead")
    add("overrides", nargs="*", metavar="KEY=VALUE", help="with --sweep: Hydra overrides for every job")
