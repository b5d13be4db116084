"""Initial weights of a run: those of another run, or of the Single-source run (Table A2)."""

import logging
import shlex
from pathlib import Path

from avseg.config.schema import InitConfig, TrainConfig
from avseg.models.experiment import ExperimentModule
from avseg.runs import checkpoint_of
from avseg.runs.find import complete_run, runs_of
from avseg.runs.inputs import refuse_changed_source
from avseg.training.load import load_model
from avseg.training.source import WeightsSource, find_source
from avseg.utils.errors import UserError

log = logging.getLogger("avseg")


def source_checkpoint(config: TrainConfig) -> WeightsSource | None:
    """Return the weights that a run begins from, None for `init=scratch`; `UserError` if they do not exist."""
    init = config.init
    if init.name == "single_source":
        return find_source(checkpoint_of(_single_source(init, Path(config.paths.outputs))))
    if init.checkpoint is None:
        return None
    source = find_source(init.checkpoint)
    _ = source.file  # a folder without weights is an error now, not after the data was read
    return source


def _single_source(init: InitConfig, outputs: Path) -> Path:
    name = init.run or ""
    if run := complete_run(outputs, name):
        refuse_changed_source(run)
        return run.path
    if begun := runs_of(outputs, name):
        experiment = shlex.quote(str(begun[0].path.parents[1].relative_to(outputs.expanduser())))
        raise UserError(
            f"init=single_source: the run {name} is not finished ({begun[0].path}); "
            f"finish it with: {init.command} experiment={experiment}"
        )
    raise UserError(f"init=single_source: the run {name} is not under {outputs}; make it with: {init.command}")


def initialise(model: ExperimentModule, config: TrainConfig, source: WeightsSource | None) -> dict[str, str] | None:
    """Copy all weights of a checkpoint that fit the model by name and shape; returns its record for the manifest."""
    if source is None:
        return None
    weights = model.state_dict()
    fitting = {}
    for key, value in load_model(source).state_dict().items():
        if key in weights and weights[key].shape == value.shape:
            fitting[key] = value
    model.load_state_dict(weights | fitting)
    log.info("init: %d of %d tensors from %s", len(fitting), len(weights), config.init.run or source.name)
    origin = source.origin()
    record = {"checkpoint": origin.pop("path"), **origin}
    if config.init.run:
        record["run"] = config.init.run
    return record
