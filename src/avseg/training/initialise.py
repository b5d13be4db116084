"""What the weights start from: those of another run, or of the Single-source run (Table A2)."""

import hashlib
import logging
import shlex
from pathlib import Path
from typing import Any

from avseg.models.avs.module import AVSTask
from avseg.runs import checkpoint_of
from avseg.runs.find import complete_run, runs_of
from avseg.training.load import load_task
from avseg.utils.errors import UserError

log = logging.getLogger("avseg")


def source_checkpoint(config: dict[str, Any]) -> Path | None:
    """The checkpoint that a run begins from; None for `init=scratch`.

    Args:
        config: a resolved configuration (`avseg.runs.configure.training_config`).

    Raises:
        UserError: there is none; for `init=single_source` with the command that makes it.
    """
    init = config["init"]
    if init["name"] == "single_source":
        return checkpoint_of(_single_source(init, Path(config["paths"]["outputs"])))
    return checkpoint_of(Path(init["checkpoint"])) if init["checkpoint"] else None


def _single_source(init: dict[str, Any], outputs: Path) -> Path:
    name, command = init["run"], init["command"]
    if run := complete_run(outputs, name):
        return run.path
    if begun := runs_of(outputs, name):
        experiment = shlex.quote(str(begun[0].path.parents[1].relative_to(outputs.expanduser())))
        raise UserError(
            f"init=single_source: the run {name} is not finished ({begun[0].path}); "
            f"finish it with: {command} experiment={experiment}"
        )
    raise UserError(f"init=single_source: the run {name} is not under {outputs}; make it with: {command}")


def initialise(task: AVSTask, config: dict[str, Any], source: Path | None) -> dict[str, str] | None:
    """Gives a new model all weights of another that fit by name and shape.

    Args:
        task: the model as built.
        config: its configuration.
        source: from `source_checkpoint`.

    Returns:
        For the manifest: the checkpoint, its SHA-256, and for `init=single_source` the id of its run; None without one.

    Raises:
        UserError: the checkpoint is damaged or not one of avseg.
    """
    if source is None:
        return None
    other, own = load_task(source).state_dict(), task.state_dict()
    fitting = {key: value for key, value in other.items() if key in own and own[key].shape == value.shape}
    task.load_state_dict(own | fitting)
    log.info("init: %d of %d tensors from %s", len(fitting), len(own), config["init"].get("run") or source)
    with source.open("rb") as file:
        record = {"checkpoint": str(source), "sha256": hashlib.file_digest(file, "sha256").hexdigest()}
    return record | ({"run": config["init"]["run"]} if config["init"].get("run") else {})
