"""`avseg dashboards`: the wandb workspace from code, and published tables as wandb sweeps."""

import argparse
from pathlib import Path

_EPILOG = """\
examples:
  avseg dashboards                                          writes dashboards/workspace.json, needs no login
  avseg dashboards --entity lab --project avseg --save      uploads it as a saved view
  avseg dashboards --experiment table_a1 --data avsbench_s4 --save
  avseg dashboards --sweep table_a1 --out sweep.yaml data.root=/data/AVSBench
"""


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds the verb."""
    parser = commands.add_parser(
        "dashboards",
        help="the wandb workspace from code, and tables as wandb sweeps",
        description=__doc__,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--entity", default="", help="user or team at wandb; default: your own")
    parser.add_argument("--project", default="avseg", help="default: avseg")
    parser.add_argument("--experiment", help="show the runs of this experiment alone")
    parser.add_argument("--data", help="show the runs on this data set alone")
    parser.add_argument("--out", type=Path, help="the file to write; default: dashboards/workspace.json")
    parser.add_argument("--save", action="store_true", help="upload to wandb; needs a login")
    parser.add_argument("--view", metavar="URL", help="with --save: the saved view to replace; default: a new one")
    parser.add_argument("--sweep", metavar="TABLE", help="write this table as a wandb sweep instead")
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="with --sweep: for every job")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Writes the workspace, uploads it, or writes a sweep."""
    from avseg.utils.errors import UserError

    if arguments.overrides and not arguments.sweep:
        raise UserError(f"{arguments.overrides[0]}: overrides belong to --sweep TABLE")
    if arguments.view and not arguments.save:
        raise UserError("--view names what --save replaces; add --save")
    if arguments.sweep:
        return _write_sweeps(arguments.sweep, arguments.out or Path("sweep.yaml"), arguments.overrides)
    from avseg.training.wandb_workspace import build_workspace, save_workspace, workspace_json

    workspace = build_workspace(
        arguments.project, arguments.entity, experiment=arguments.experiment, data=arguments.data
    )
    if arguments.save:
        print(f"saved: {save_workspace(workspace, arguments.view)}")
        return 0
    out = arguments.out or Path("dashboards/workspace.json")
    _write(out, workspace_json(workspace))
    print(f"written to {out}; to upload it: wandb login, then the same command with --save")
    return 0


def _write_sweeps(name: str, out: Path, overrides: list[str]) -> int:
    from avseg.runs.configure import training_config
    from avseg.tables.experiment import read_experiment
    from avseg.tables.wandb_sweep import sweeps

    experiment = read_experiment(name)
    training_config([*experiment.words(experiment.cells()[0], experiment.seeds[0]), *overrides])  # a typo shows now
    files = sweeps(experiment, overrides)
    for place, content in enumerate(files, start=1):
        path = out if len(files) == 1 else out.with_stem(f"{out.stem}-{place}")
        _write(path, content)
        print(f"written to {path}; next: wandb sweep {path}")
    return 0


def _write(path: Path, content: str) -> None:
    from avseg.utils.errors import UserError
    from avseg.utils.files import atomic_file

    if path.is_dir():
        raise UserError(f"--out {path}: is a folder; name a file")
    with atomic_file(path) as temporary:
        temporary.write_text(content, encoding="utf-8")
