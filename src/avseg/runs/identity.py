"""Which run is this? Its name follows from the science in its configuration, not from when or where it ran."""

import hashlib
import json
from typing import Any

from avseg.utils.errors import UserError

# how a trainer does its work; all its other settings change the numbers
TRAINER_INFRASTRUCTURE = (
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
# what the result depends on; the branches of the strong baseline are no AVS models
_AVS = ("task", "backbone", "audio", "fusion", "loss", "optimizer")
_PARTS: dict[str, tuple[str, ...]] = {"none": _AVS, "tpavi": _AVS, "mask": ("optimizer",), "box": ("optimizer",)}
_PARTS |= {"audio": ("audio", "optimizer"), "strong_mask": (), "strong_box": ()}
# draws pictures only
_PICTURES = "avseg.training.callbacks.ClipPanels"
# how the same clips are read, not which
DATA_INFRASTRUCTURE = ("root", "num_workers", "packed", "packed_audio", "_target_")
_OPTIONS_INFRASTRUCTURE = ("frames_per_chunk",)


def science(config: dict[str, Any]) -> dict[str, Any]:
    """The part of a configuration that changes the result; the seed is kept apart, in the folder's name.

    Args:
        config: a resolved training configuration.
    """
    branch = config["branch"]["name"]
    part = {key: config[key] for key in _PARTS.get(branch, _PARTS["none"])}
    part["init"] = _start(config["init"])
    if branch != "none":
        part["branch"] = _branch(config["branch"])
    part["data"] = {key: value for key, value in config["data"].items() if key not in DATA_INFRASTRUCTURE}
    if branch == "none":
        part["data"].pop("labels", None)  # of long videos alone
    else:
        options = part["data"]["options"].items()
        part["data"]["options"] = {key: value for key, value in options if key not in _OPTIONS_INFRASTRUCTURE}
    part["trainer"] = {key: value for key, value in config["trainer"].items() if key not in TRAINER_INFRASTRUCTURE}
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


def _branch(branch: dict[str, Any]) -> dict[str, Any]:
    """A composition is of two runs, known by their own identity; the seed is kept apart."""
    part = {key: value for key, value in branch.items() if not key.endswith("_command")}
    for key in ("visual", "audio"):
        part.pop(key)
        part[f"{key}_run"] = (branch[f"{key}_run"] or "").rpartition("-s")[0]
    return part


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
    if (branch := config.get("branch", {"name": "none"}))["name"] not in ("none", "tpavi"):
        return "-".join(filter(None, (config["data"]["name"], branch["name"], _looks(config))))
    fusion = config["fusion"]
    name = "s" + "".join(str(stage) for stage in sorted(fusion["stages"])) if fusion["stages"] else "none"
    if fusion["stages"]:
        name += "" if fusion["scope"] == "clip" else f"_{fusion['scope']}"
        name += "" if fusion["mode"] == "audio" else f"_{fusion['mode']}"
    return "-".join((config["data"]["name"], config["backbone"]["name"], name, config["init"]["name"]))


def _looks(config: dict[str, Any]) -> str:
    """What tells two runs of the same branch apart at a glance."""
    branch = config["branch"]
    if branch["name"] == "audio":
        return f"{config['audio']['name']}-{branch['heads']}"
    if branch["name"] in ("mask", "box"):
        return f"{branch['model']}-{branch['silent']['mode']}"
    return str(branch["aggregation"]["mode"])


def run_id(config: dict[str, Any]) -> str:
    """One name for the job everywhere, also as the id of its wandb run."""
    return f"{slug(config)}-{run_hash(config)}-s{config['seed']}"
