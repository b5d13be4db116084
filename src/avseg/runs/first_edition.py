"""Convert the configuration of runs of the first edition, so that they evaluate and predict.

The groups `task`, `loss` and `branch` became the group `model`; state dictionaries have not changed.
"""

from collections.abc import Mapping

from avseg.config.schema import Plain

_MODELS = {
    "none": "avseg.models.avs.config.AVSConfig",
    "tpavi": "avseg.models.lu_avs.config.LongAVSConfig",
    "mask": "avseg.models.lu_avs.config.MaskBranchConfig",
    "box": "avseg.models.lu_avs.config.BoxBranchConfig",
    "audio": "avseg.models.lu_avs.config.AudioBranchConfig",
    "strong_mask": "avseg.models.lu_avs.config.StrongMaskConfig",
    "strong_box": "avseg.models.lu_avs.config.StrongBoxConfig",
}
_AUDIO = {"vggish": ("avseg.audio.config.VGGishConfig", "weights"), "mel": ("avseg.audio.config.MelConfig", "hidden")}
_GROUPS = {
    "none": ("backbone", "audio", "fusion", "init", "optimizer"),
    "tpavi": ("backbone", "audio", "fusion", "init", "optimizer"),
    "audio": ("audio", "init", "optimizer"),
    "mask": ("init", "optimizer"),
    "box": ("init", "optimizer"),
}


def is_first_edition(values: Mapping[str, Plain]) -> bool:
    """True for the plain configuration of a run of the first edition."""
    return "task" in values and "model" not in values


def convert_config(old: Mapping[str, Plain]) -> dict[str, Plain]:
    """Return the configuration of a first-edition run in the groups of this edition."""
    branch = old.get("branch") or {"name": "none"}
    name = branch["name"]
    values = _select(old, "experiment", "seed", "paths")
    values["model"] = _model(old, branch)
    values["data"] = _data(old, long=name != "none")
    for group in _GROUPS.get(name, ()):
        values[group] = dict(old[group])
    if "audio" in values:
        target, option = _AUDIO[old["audio"]["name"]]
        hop = "second" if name == "audio" else old["data"]["hop"]
        values["audio"] = {"_target_": target, "name": old["audio"]["name"], option: old["audio"][option], "hop": hop}
    values["trainer"] = dict(old["trainer"])
    values["trainer"].pop("_target_", None)
    return values


def _model(old: Mapping[str, Plain], branch: Mapping[str, Plain]) -> dict[str, Plain]:
    name = branch["name"]
    model: dict[str, Plain] = {"_target_": _MODELS[name]}
    if name in ("none", "tpavi"):
        model |= {"channels": old["task"]["channels"], "channels_last": old["task"].get("channels_last", False)}
        model["loss"] = dict(old["loss"])
    keys = {
        "tpavi": ("score",),
        "audio": ("heads", "hidden", "pos_weight"),
        "mask": ("pretrained", "backbone_lr", "silent"),
        "box": ("pretrained", "backbone_lr", "silent"),
    }
    for key in keys.get(name, ()):
        if key in branch:
            model[key] = branch[key]
    if name not in ("none", "tpavi"):
        model |= _select(branch, "aggregation", "smoothing", "score")
    if name in ("mask", "box"):
        model["network"] = branch["model"]
        model["teacher"] = branch.get("teacher") or False
    if name.startswith("strong"):
        for role in ("visual", "audio"):
            model[f"{role}_source"] = {"run": branch[f"{role}_run"], "command": branch[f"{role}_command"]}
    return model


def _data(old: Mapping[str, Plain], *, long: bool) -> dict[str, Plain]:
    data = old["data"]
    values = _select(data, "name", "setting", "root", "image_size", "batch_size", "num_workers")
    if long:
        values["_target_"] = "avseg.data.lu_avs.config.LUAVSConfig"
        values["labels"] = data["labels"]
        return values | dict(data["options"])
    values["_target_"] = "avseg.data.avsbench.config.AVSBenchConfig"
    for key in ("audio", "packed", "packed_audio"):
        if key in data:
            values[key] = data[key]
    return values | dict(data["options"])


def _select(values: Mapping[str, Plain], *keys: str) -> dict[str, Plain]:
    return {key: values[key] for key in keys}
