"""Derive a run's name and hash from the configuration values that affect its results."""

import hashlib
import json

from avseg.config.schema import Config, Plain, TrainConfig
from avseg.utils.errors import UserError

_GROUPS = ("data", "backbone", "audio", "fusion", "optimizer", "trainer")
# a callback that draws, and changes no result
_PANELS = "avseg.training.callbacks.ClipPanels"


def science(config: TrainConfig) -> dict[str, Plain]:
    """Return the part of a configuration that changes the result, without the seed, which names the folder."""
    values: dict[str, Plain] = {"model": config.model.identity()}
    for name in _GROUPS:
        group: Config | None = getattr(config, name)
        if group is not None:
            values[name] = group.science()
    values["init"] = _initial_weights(config)
    values["callbacks"] = [entry.science() for entry in config.callbacks.values() if entry.target != _PANELS]
    return values


def _initial_weights(config: TrainConfig) -> dict[str, Plain]:
    # by the identity of their source, not by how it was selected or where it is
    init = config.init
    if init.name != "single_source":
        return {"name": init.name, "checkpoint": init.checkpoint}
    if not init.run:
        raise UserError("init=single_source: init.run is empty; compose with avseg.runs.configure.training_config")
    # the source has the same seed, which is kept apart, unless init.seed names another
    return {"name": init.name, "run": init.run.rpartition("-s")[0], "seed": init.seed}


def run_hash(config: TrainConfig) -> str:
    """Return eight hexadecimal digits, equal for equal science, whatever the order of the keys."""
    text = json.dumps(science(config), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def slug(config: TrainConfig) -> str:
    """Return the readable part of a run's name, such as "toy_ms3-resnet50-s34_frame-scratch"."""
    return f"{config.data.name}-{config.model.label(config)}"


def run_id(config: TrainConfig) -> str:
    """Return the name of a run, which is also the id of its wandb run."""
    return f"{slug(config)}-{run_hash(config)}-s{config.seed}"
