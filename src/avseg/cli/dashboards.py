"""`avseg dashboards`: write or upload the wandb workspace, or write published tables as wandb sweeps."""

import argparse
from pathlib import Path

from avseg.cli.data_common import check_not_folder
from avseg.runs.configure import training_config
from avseg.tables.experiment import read_experiment
from avseg.tables.wandb_sweep import wandb_sweeps
from avseg.training.wandb_workspace import build_workspace, save_workspace, workspace_json
from avseg.utils.errors import UserError
from avseg.utils.files import write_text


def run(arguments: argparse.Namespace) -> int:
    """Write the workspace, upload it, or write a sweep."""
    if arguments.overrides and not arguments.sweep:
        raise UserError(f"{arguments.overrides[0]}: overrides belong to --sweep TABLE")
    if arguments.view and not arguments.save:
        raise UserError("--view names what --save replaces; add --save")
    check_not_folder("--out", arguments.out, "file")
    if arguments.sweep:
        _write_sweeps(arguments.sweep, arguments.out or Path("sweep.yaml"), arguments.overrides)
        return 0
    workspace = build_workspace(
        arguments.project, arguments.entity, experiment=arguments.experiment, data=arguments.data
    )
    if arguments.save:
        print(f"saved: {save_workspace(workspace, arguments.view)}")
        return 0
    out = arguments.out or Path("dashboards/workspace.json")
    write_text(out, workspace_json(workspace))
    print(f"written to {out}; to upload it: wandb login, then the same command with --save")
    return 0


def _write_sweeps(name: str, out: Path, overrides: list[str]) -> None:
    experiment = read_experiment(name)
    # compose one job, so that a misspelt override is an error now and not in the agent
    training_config([*experiment.overrides(experiment.cells()[0], experiment.sweep.seeds[0]), *overrides])
    sweeps = wandb_sweeps(experiment, overrides)  # several if the jobs are not one grid
    for number, content in enumerate(sweeps, start=1):
        path = out if len(sweeps) == 1 else out.with_stem(f"{out.stem}-{number}")
        write_text(path, content)
        print(f"written to {path}; next: wandb sweep {path}")
