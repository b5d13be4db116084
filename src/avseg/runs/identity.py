"""Which run is this? Its name follows from the science in its configuration, not from when or where it ran."""

import hashlib
import json
from typing import Any

# what of the trainer changes the numbers; devices, bars and profilers do not
_TRAINER = (
    "max_epochs",
    "precision",
    "gradient_clip_val",
    "accumulate_grad_batches",
    "limit_train_batches",
    "overfit_batches",
)
# how the same clips are read, not which
_DATA_INFRASTRUCTURE = ("root", "num_workers", "_target_")


def science(config: dict[str, Any]) -> dict[str, Any]:
    """The part of a configuration that changes the result; the seed is kept apart, in the folder's name.

    Args:
        config: a resolved training configuration.
    """
    part = {key: config[key] for key in ("task", "backbone", "audio", "fusion", "init", "loss", "optimizer")}
    part["data"] = {key: value for key, value in config["data"].items() if key not in _DATA_INFRASTRUCTURE}
    part["trainer"] = {key: config["trainer"].get(key) for key in _TRAINER}
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
    fusion = config["fusion"]
    name = "s" + "".join(str(stage) for stage in sorted(fusion["stages"])) if fusion["stages"] else "none"
    if fusion["stages"]:
        name += "" if fusion["scope"] == "clip" else f"_{fusion['scope']}"
        name += "" if fusion["mode"] == "audio" else f"_{fusion['mode']}"
    return "-".join((config["data"]["name"], config["backbone"]["name"], name, config["init"]["name"]))


def run_id(config: dict[str, Any]) -> str:
    """One name for the job everywhere, also as the id of its wandb run."""
    return f"{slug(config)}-{run_hash(config)}-s{config['seed']}"
