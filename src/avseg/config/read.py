"""Type the plain values of a configuration (composed, in config.yaml or in a checkpoint)."""

from collections.abc import Mapping, Sequence
from typing import Any

from avseg.config.components import component_class, load_component
from avseg.config.schema import (
    AudioConfig,
    BackboneConfig,
    CallbackConfig,
    Config,
    DataConfig,
    EvaluateConfig,
    FusionConfig,
    InitConfig,
    LoggerConfig,
    MetricsConfig,
    ModelConfig,
    OptimizerConfig,
    PathsConfig,
    Plain,
    Preset,
    TrainConfig,
    TrainerConfig,
)
from avseg.config.typed import build, field_names, unknown_key
from avseg.utils.errors import UserError

# groups that a model may leave unread
OPTIONAL_GROUPS = ("backbone", "audio", "fusion", "init", "optimizer")
AUTO = "auto"


def train_config(values: Mapping[str, Plain], overrides: Sequence[str] | None = None) -> TrainConfig:
    """Make the typed configuration of a run.

    Args:
        values: plain values; `_target_` names the dataclasses of model, data and audio, the classes of optimizer and
            callbacks. The value "auto" of a key that the model's preset has stands for the preset's value.
        overrides: of the command line that `values` were composed with. A group in them that the model does not read is
            an error; options of a recipe for another model, which are in `values` alone, are left out.

    Raises:
        UserError: an unknown key, a value that is not allowed, a group that the model does not read.
    """
    _refuse_unknown(values)
    parts = {key: dict(value) if isinstance(value, Mapping) else value for key, value in values.items()}
    setting = str((parts.get("data") or {}).get("setting"))
    model_options = parts.pop("model", None) or {}
    if overrides is not None:
        component_class(ModelConfig, model_options, "model").check_overrides(model_options, overrides)
        model_options = _without_recipe_options(model_options, overrides)
    model = load_component(ModelConfig, model_options, "model").for_setting(setting)
    _drop_unread(parts, model, overrides or ())
    _fill_auto(parts, model.preset(setting))
    data_options = parts.pop("data", None) or {}
    kind = component_class(DataConfig, data_options, "data").kind
    if kind != model.data_kind:
        raise UserError(
            f"data={data_options.get('name')} with model={model.name}: the data set holds {_kind_name(kind)}, "
            f"the model takes {_kind_name(model.data_kind)}; change one of the two"
        )
    data = load_component(DataConfig, data_options, "data")
    known: dict[str, Any] = {
        "model": model,
        "data": data,
        "trainer": _trainer(parts.pop("trainer", None) or {}),
        "audio": load_component(AudioConfig, parts.pop("audio"), "audio") if parts.get("audio") else None,
        "optimizer": _optimizer(parts.pop("optimizer", None)),
        "callbacks": _callbacks(parts.pop("callbacks", None) or {}),
    }
    parsers: dict[str, type[Config]] = {
        "backbone": BackboneConfig,
        "fusion": FusionConfig,
        "init": InitConfig,
        "logger": LoggerConfig,
        "metrics": MetricsConfig,
        "paths": PathsConfig,
    }
    for key, cls in parsers.items():
        if parts.get(key):
            known[key] = build(cls, parts.pop(key), key)
    scalars = {key: parts[key] for key in ("experiment", "seed") if key in parts}
    config = build(TrainConfig, known | scalars)
    _check_experiment(config.experiment)
    _check_init(config.init)
    model.check_run(config)
    return config


def plain_config(config: TrainConfig) -> dict[str, Plain]:
    """Return the plain values of a configuration; `train_config` makes the same configuration of them."""
    values = config.plain()
    if config.optimizer is not None:
        values["optimizer"]["_target_"] = values["optimizer"].pop("target")
    for name, callback in config.callbacks.items():
        values["callbacks"][name] = {"_target_": callback.target, **dict(callback.options)}
    return values


def evaluate_config(values: Mapping[str, Plain]) -> EvaluateConfig:
    """Make the typed configuration of an evaluation; raises like `train_config`."""
    parts = dict(values)
    parts["trainer"] = _trainer(parts.get("trainer") or {})
    return build(EvaluateConfig, parts)


def _refuse_unknown(values: Mapping[str, Plain]) -> None:
    allowed = field_names(TrainConfig)
    for key in values:
        if key not in allowed:
            raise UserError(unknown_key(str(key), allowed))


def override_key(override: str) -> str:
    """Return the key of an override, without the marks for adding and deleting.

    >>> override_key("+trainer.options.fast_dev_run=true")
    'trainer.options.fast_dev_run'
    """
    return override.partition("=")[0].lstrip("+~")


def _without_recipe_options(model: Mapping[str, Plain], overrides: Sequence[str]) -> dict[str, Plain]:
    """Drop the options of a model that a recipe sets for another one."""
    allowed = {"_target_", *field_names(component_class(ModelConfig, model, "model"))}
    for override in overrides:
        group, _, key = override_key(override).partition(".")
        if group == "model" and key:
            allowed.add(key.split(".")[0])
    return {key: value for key, value in model.items() if key in allowed}


def _drop_unread(parts: dict[str, Plain], model: ModelConfig, overrides: Sequence[str]) -> None:
    """Leave out the groups that the model does not read; one that was set on purpose is an error."""
    set_groups = {override_key(override).split(".")[0]: override for override in reversed(overrides)}
    for group in OPTIONAL_GROUPS:
        if group in model.reads:
            continue
        if group in set_groups:
            raise UserError(
                f"{set_groups[group]}: model={model.name} does not read the group {group}; leave it out "
                f"(it reads model, data, trainer{''.join(f', {name}' for name in model.reads)})"
            )
        parts.pop(group, None)


def _fill_auto(parts: dict[str, Plain], preset: Preset) -> None:
    """Replace "auto" by the preset's value, where the preset has one."""
    places = {
        ("data", "image_size"): preset.image_size,
        ("data", "batch_size"): preset.batch_size,
        ("trainer", "max_epochs"): preset.max_epochs,
        ("audio", "hop"): preset.hop,
    }
    for (group, key), value in places.items():
        if isinstance(parts.get(group), dict) and parts[group].get(key, AUTO) == AUTO:
            parts[group][key] = value


def _trainer(values: Mapping[str, Plain]) -> TrainerConfig:
    return build(TrainerConfig, {key: value for key, value in values.items() if key != "_target_"}, "trainer")


def _optimizer(values: Mapping[str, Plain] | None) -> OptimizerConfig | None:
    if not values:
        return None
    fields = {("target" if key == "_target_" else key): value for key, value in values.items()}
    return build(OptimizerConfig, fields, "optimizer")


def _callbacks(values: Mapping[str, Plain]) -> dict[str, CallbackConfig]:
    callbacks: dict[str, CallbackConfig] = {}
    for name, settings in values.items():
        if not isinstance(settings, Mapping) or "_target_" not in settings:
            raise UserError(f"callbacks.{name} has no _target_; name the class of a Lightning callback")
        arguments = {str(key): value for key, value in settings.items() if key != "_target_"}
        callbacks[str(name)] = CallbackConfig(str(settings["_target_"]), arguments)
    return callbacks


def _kind_name(kind: str) -> str:
    return {"clips": "short clips", "long_videos": "long videos (LU-AVS)"}.get(kind, kind)


def _check_experiment(name: str) -> None:
    """Check that an experiment is a folder below the outputs in which every search for runs looks."""
    for level in name.split("/"):
        if not level or level.startswith((".", "seed=")):
            raise UserError(
                f"experiment={name}: give a name for the folder of the runs, such as heads or tables/heads, "
                "whose levels do not begin with '.' or 'seed='"
            )


def _check_init(init: InitConfig) -> None:
    """Check that options of one initialization are not used with another."""
    read_by = {"checkpoint": "checkpoint", "source": "single_source", "seed": "single_source", "run": "single_source"}
    for key, name in read_by.items():
        if init.name != name and getattr(init, key):
            raise UserError(f"init.{key} is read by init={name} alone; add that, or leave init.{key} out")
    if init.name == "checkpoint" and not init.checkpoint:
        raise UserError("init=checkpoint needs init.checkpoint=RUN_OR_FILE, the weights to begin with")
    if init.name == "single_source" and not init.source:
        raise UserError("init=single_source needs init.source=[data=NAME], the data set of the run to begin from")
