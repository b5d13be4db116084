"""Which run is this? Its name follows from the science in its configuration, not from when or where it ran."""

import hashlib
import json
from typing import Any

from avseg.errors import UserError

# how a trainer does its work; all its other settings change the numbers
_TRAINER_INFRASTRUCTURE = (
    "_target_",
    "accelerator",
    "devices",
    "num_nodes",
    "strategy",
    "num_sanity_val_steps",
    "log_every_n_steps",
    "deterministic",
    "benchmark",
    "detect_anomaly",
    "profiler",
    "enable_progress_bar",
)
# draws pictures only
_PICTURES = "avseg.tasks.callbacks.ClipPanels"
# how the same clips are read, not which
_DATA_INFRASTRUCTURE = ("root", "num_workers", "_target_")


def science(config: dict[str, Any]) -> dict[str, Any]:
    """The part of a configuration that changes the result; the seed is kept apart, in the folder's name.

    Args:
        config: a resolved training configuration.
    """
    part = {key: config[key] for key in ("task", "backbone", "audio", "fusion", "loss", "optimizer")}
    part["init"] = _start(config["init"])
    part["data"] = {key: value for key, value in config["data"].items() if key not in _DATA_INFRASTRUCTURE}
    part["trainer"] = {key: value for key, value in config["trainer"].items() if key not in _TRAINER_INFRASTRUCTURE}
    part["callbacks"] = [entry for entry in config["callbacks"].values() if entry.get("_target_") != _PICTURES]
    return part


def _start(init: dict[str, Any]) -> dict[str, Any]:
    """What the weights begin from: by the source's own identity, not by how it was asked for or where it lies."""
    if init["name"] != "single_source":
        return {key: init[key] for key in ("name", "checkpoint")}
    if not init["run"]:
        raise UserError("init=single_source: init.run is empty; compose with avseg.runs.configure.training_config")
    # the source has the own seed, which is kept apart, unless init.seed names another
    return {"name": init["name"], "run": init["run"].rpartition("-s")[0], "seed": init["seed"]}


def run_hash(config: dict[str, Any]) -> str:
    """Eight hexadecimal digits, equal for equal science, whatever the order of the keys."""
    text = json.dumps(science(config), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def slug(config: dict[str, Any]) -> str:
    """What a reader wants to see first: data set, backbone, fusion and initialization.

    >>> slug({"data": {"name": "toy_ms3"}, "backbone": {"name": "resnet50"}, "init": {"name": "scratch"},
    ...       "fusion": {"stages": [3, 4], "scope": "frame", "mode": "audio"}})
    'toy_ms3-resnet50-s34_frame-scratch'
    """
    fusion = config["fusion"]
    name = "s" + "".join(str(stage) for stage in sorted(fusion["stages"])) if fusion["stages"] else "none"
    if fusion["stages"]:
        name += "" if fusion["scope"] == "clip" else f"_{fusion['scope']}"
        name += "" if fusion["mode"] == "audio" else f"_{fusion['mode']}"
    return "-".join((config["data"]["name"], config["backbone"]["name"], name, config["init"]["name"]))


def run_id(config: dict[str, Any]) -> str:
    """One name for the job everywhere, also as the id of its wandb run."""
    return f"{slug(config)}-{run_hash(config)}-s{config['seed']}"
