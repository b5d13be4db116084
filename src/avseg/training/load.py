"""Load a model from a run, a checkpoint, published weights or the Hugging Face Hub."""

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from pydantic import TypeAdapter

from avseg.config.read import train_config
from avseg.config.schema import Plain, TrainConfig
from avseg.data.setting import ClipSetting, find_setting
from avseg.models.base import AVSegModule
from avseg.models.experiment import ExperimentModule
from avseg.runs import read_config
from avseg.runs.first_edition import convert_config, is_first_edition
from avseg.training.build import DataFacts, build_model, source_run
from avseg.training.published import load_identified, load_official
from avseg.training.shared_folder import read_shared
from avseg.training.source import WeightsSource, find_source
from avseg.utils.errors import UserError
from avseg.utils.used_files import note_file
from avseg.weights.hub import WEIGHTS_FILE


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint without ever executing its content; `UserError` if it is damaged, or not one of avseg."""
    note_file(path)
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise UserError(
            f"checkpoint {path} is not a checkpoint, or holds more than weights and plain values, so it was not read; "
            "load those of avseg only"
        ) from error
    except PermissionError as error:
        raise UserError(f"checkpoint {path} cannot be read ({error.strerror})") from error
    except Exception as error:  # the reader raises a dozen types on arbitrary bytes
        raise UserError(f"checkpoint {path} is not a checkpoint, or damaged; name another, or train again") from error
    if not isinstance(checkpoint, dict) or "avseg" not in checkpoint or "state_dict" not in checkpoint:
        raise UserError(
            f"checkpoint {path} was not made by avseg; official AVSBench weights become one with `avseg convert`"
        )
    for name, weight in checkpoint["state_dict"].items():
        if weight.is_floating_point() and weight.isnan().any():
            raise UserError(f"checkpoint {path} holds NaN in {name}: its training diverged; choose another checkpoint")
    return checkpoint


def load_model(source: str | Path | WeightsSource, choices: dict[str, Plain] | None = None) -> ExperimentModule:
    """Build the model of a run (its best checkpoint), a file, a published name or "hf:owner/name".

    It is in evaluation mode on the CPU. `choices` are options of the model that an evaluation changes, nested by group.

    Raises:
        UserError: the weights do not exist, or cannot be used; a choice that the model does not have.
    """
    source = find_source(source)
    if source.record is not None:
        return _with_model_choices(load_official(source.path, source.record.overrides, load_parts), choices)
    if composition := _composition(source.path, choices):
        return composition
    if (source.path / WEIGHTS_FILE).is_file():
        note_file(source.path / WEIGHTS_FILE)
        return _restore(str(source.path), *read_shared(source.path), choices)
    path = source.file
    try:
        checkpoint = read_checkpoint(path)
    except UserError:
        # a file of official weights?
        if (model := load_identified(path, load_parts)) is None:
            raise
        return _with_model_choices(model, choices)
    return _restore(f"checkpoint {path}", checkpoint["avseg"], checkpoint["state_dict"], choices)


def _restore(
    name: str, record: dict[str, Any], state_dict: Mapping[str, Any], choices: dict[str, Plain] | None
) -> ExperimentModule:
    """Build the model of a checkpoint's record and load its weights."""
    try:
        model = _rebuild(record, choices)
        model.load_state_dict(state_dict)
    except UserError as error:
        raise UserError(f"{name}: {error}") from error
    except (RuntimeError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{name} does not fit the model of its own configuration; another version made it") from error
    return model.eval()


def _with_model_choices(model: ExperimentModule, choices: dict[str, Plain] | None) -> ExperimentModule:
    # official weights are of short clips, whose models have no such choices
    if choices:
        saved_config(model.record, choices)
    return model


def _rebuild(record: dict[str, Any], choices: dict[str, Plain] | None = None) -> ExperimentModule:
    """Build the model of a blueprint with the models that are part of it; the weights follow."""
    config = saved_config(record["config"], choices)
    return build_model(config, _facts(record, config), pretrained=False, parts=saved_parts(record))


def saved_parts(record: dict[str, Any]) -> dict[str, ExperimentModule]:
    """Build the models that are part of the model of a blueprint, by role, without their weights."""
    return {role: _rebuild(part) for role, part in record.get("parts", {}).items()}


def load_clip_model(source: str | Path | WeightsSource) -> AVSegModule:
    """Build a model of short clips; raises like `load_model`, and for a model of long videos."""
    source = find_source(source)
    model = load_model(source)
    if not isinstance(model, AVSegModule) or model.config.data_kind != "clips":
        raise UserError(f"{source.name} is not a model of short clips but model={model.config.name}")
    return model


def saved_config(values: dict[str, Plain], choices: dict[str, Plain] | None = None) -> TrainConfig:
    """Type the plain values of this edition or the first one; a choice that does not exist is a `UserError`."""
    if is_first_edition(values):
        values = convert_config(values)
    if not values.get("model"):
        raise UserError("its configuration has no model; another version of avseg made it")
    if choices:
        values = values | {"model": _with_choices(values["model"], choices)}
    return train_config(values)


def _with_choices(model: dict[str, Plain], choices: dict[str, Plain]) -> dict[str, Plain]:
    merged = dict(model)
    for group, options in choices.items():
        if not isinstance(model.get(group), dict) or group not in ("aggregation", "smoothing", "score"):
            raise UserError(
                f"model.{group} cannot be changed in an evaluation of model={model['name']}; leave it out "
                "(models of LU-AVS: model.aggregation, model.smoothing, model.score)"
            )
        merged[group] = model[group] | options
    return merged


def _facts(record: dict[str, Any], config: TrainConfig) -> DataFacts:
    """Read setting and labels of the data; the first edition named the setting only."""
    labels = tuple(record.get("labels", ()))
    if "setting" in record:
        return DataFacts(TypeAdapter(ClipSetting).validate_python(record["setting"]), labels)
    long_videos = config.data.data_kind == "long_videos"
    return DataFacts(ClipSetting(config.data.setting) if long_videos else find_setting(config.data.setting), labels)


def load_parts(config: TrainConfig, moved: Path | None = None) -> dict[str, ExperimentModule]:
    """Load the finished modules that the model consists of, by role.

    The runs of a composition are in `paths.outputs`, or else in the folder they were `moved` to.
    """
    outputs = [Path(config.paths.outputs).expanduser(), *([moved] if moved is not None else [])]
    parts = {role: load_model(source_run(config, role, outputs)) for role in config.model.sources()}
    return parts | {role: load_model(file) for role, file in config.model.part_files().items()}


def _composition(run: Path, choices: dict[str, Plain] | None) -> ExperimentModule | None:
    """Load the composition of two branches; its run has no weights of its own."""
    values = read_config(run) or {}
    if "strong" not in str((values.get("model") or values.get("branch") or {}).get("name", "")):
        return None
    config = saved_config(values, choices)
    # a folder of runs that was moved as a whole: outputs/EXPERIMENT/NAME/seed=N
    parts = load_parts(config, run.resolve().parents[2])
    facts = DataFacts(parts["visual"].setting, tuple(parts["visual"].labels))
    return build_model(config, facts, pretrained=False, parts=parts).eval()
