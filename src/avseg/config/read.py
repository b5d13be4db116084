"""Type the plain values of a configuration (composed, in config.yaml or in a checkpoint)."""

from collections.abc import Mapping, Sequence

from omegaconf import DictConfig, OmegaConf

from avseg.config import schema
from avseg.config.components import component_class, load_component
from avseg.config.paths import conf_folders
from avseg.config.schema import CallbackConfig, EvaluateConfig, ModelConfig, OptimizerConfig, Plain, TrainConfig
from avseg.config.typed import build, field_names, unknown_key
from avseg.utils.errors import UserError

# groups that a model may leave unread
OPTIONAL_GROUPS = ("backbone", "audio", "fusion", "init", "optimizer")
AUTO = "auto"
# of data sets, for messages
CONTENTS = {"clips": "short clips", "long_videos": "long videos (LU-AVS)"}
_CLOSED_GROUPS: dict[str, type[schema.Config]] = {
    "backbone": schema.BackboneConfig,
    "fusion": schema.FusionConfig,
    "init": schema.InitConfig,
    "logger": schema.LoggerConfig,
    "metrics": schema.MetricsConfig,
    "paths": schema.PathsConfig,
}


def train_config(values: Mapping[str, Plain], overrides: Sequence[str] | None = None) -> TrainConfig:
    """Make the typed configuration of a run.

    Args:
        values: plain values; `_target_` names the dataclasses of model, data and audio, the classes of optimizer and
            callbacks. The value "auto" of a key that the model's preset has stands for the preset's value.
        overrides: of the command line that `values` were composed with. A group in them that the model does not read is
            an error; options that a recipe sets for another model are left out.

    Raises:
        UserError: an unknown key, a value that is not allowed, a group that the model does not read.
    """
    allowed = field_names(TrainConfig)
    groups: dict[str, Plain] = {}
    for key, value in values.items():
        if key not in allowed:
            raise UserError(unknown_key(str(key), allowed))
        groups[key] = dict(value) if isinstance(value, Mapping) else value
    setting = str((groups.get("data") or {}).get("setting"))
    model_options = groups.pop("model", None) or {}
    if overrides is not None:
        component_class(ModelConfig, model_options, "model").check_overrides(model_options, overrides)
        if any(override_key(override) == "recipe" for override in overrides):
            model_options = _without_recipe_options(model_options, overrides)
    model = load_component(ModelConfig, model_options, "model").for_setting(setting)
    _drop_unread(groups, model, overrides or ())
    _fill_auto(groups, model.preset(setting))
    data_options = groups.pop("data", None) or {}
    held = component_class(schema.DataConfig, data_options, "data").data_kind
    if held != model.data_kind:
        raise UserError(
            f"data={data_options.get('name')} with model={model.name}: the data set holds {CONTENTS.get(held, held)}, "
            f"the model takes {CONTENTS.get(model.data_kind, model.data_kind)}; change one of the two"
        )
    typed: dict[str, Plain] = {
        "model": model,
        "data": load_component(schema.DataConfig, data_options, "data"),
        "trainer": _trainer(groups.pop("trainer", None) or {}),
        "audio": load_component(schema.AudioConfig, groups.pop("audio"), "audio") if groups.get("audio") else None,
        "optimizer": _optimizer(groups.pop("optimizer", None)),
        "callbacks": _callbacks(groups.pop("callbacks", None) or {}),
    }
    for key, cls in _CLOSED_GROUPS.items():
        if groups.get(key):
            typed[key] = build(cls, groups.pop(key), key)
    for key in ("experiment", "seed"):
        if key in groups:
            typed[key] = groups[key]
    config = build(TrainConfig, typed)
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
    return build(EvaluateConfig, {**values, "trainer": _trainer(values.get("trainer") or {})})


def override_key(override: str) -> str:
    """Return the key of an override, without the marks for adding and deleting.

    >>> override_key("+trainer.options.fast_dev_run=true")
    'trainer.options.fast_dev_run'
    """
    return override.partition("=")[0].lstrip("+~")


def _without_recipe_options(model: Mapping[str, Plain], overrides: Sequence[str]) -> dict[str, Plain]:
    """Drop the options that a recipe sets for another model; every other unknown option stays, to be refused."""
    unread = _recipe_options() - set(field_names(component_class(ModelConfig, model, "model")))
    for override in overrides:
        group, _, key = override_key(override).partition(".")
        if group == "model":
            unread.discard(key.split(".")[0])
    return {key: value for key, value in model.items() if key not in unread}


def _recipe_options() -> set[str]:
    """List the options of models that the yaml files of the group `recipe` set."""
    names: set[str] = set()
    for folder in conf_folders():
        for path in (folder / "recipe").glob("*.yaml"):
            values = OmegaConf.load(path)
            if isinstance(values, DictConfig):
                names.update(map(str, values.get("model") or ()))
    return names


def _drop_unread(groups: dict[str, Plain], model: ModelConfig, overrides: Sequence[str]) -> None:
    """Leave out the groups that the model does not read; one that was set on purpose is an error."""
    set_groups: dict[str, str] = {}  # the first override of each group
    for override in overrides:
        set_groups.setdefault(override_key(override).split(".")[0], override)
    for group in OPTIONAL_GROUPS:
        if group in model.reads:
            continue
        if group in set_groups:
            raise UserError(
                f"{set_groups[group]}: model={model.name} does not read the group {group}; leave it out "
                f"(it reads {', '.join(('model', 'data', 'trainer', *model.reads))})"
            )
        groups.pop(group, None)


def _fill_auto(groups: dict[str, Plain], preset: schema.Preset) -> None:
    """Replace "auto" by the preset's value, where the preset has one."""
    keys = {
        ("data", "image_size"): preset.image_size,
        ("data", "batch_size"): preset.batch_size,
        ("trainer", "max_epochs"): preset.max_epochs,
        ("audio", "hop"): preset.hop,
    }
    for (group, key), value in keys.items():
        if isinstance(groups.get(group), dict) and groups[group].get(key, AUTO) == AUTO:
            groups[group][key] = value
    fusion = groups.get("fusion")
    # older configurations lack the key and mean the whole clip; each frame alone needs no window
    if isinstance(fusion, dict) and fusion.get("window") == AUTO:
        fusion["window"] = None if fusion.get("scope") == "frame" else preset.fusion_window


def _trainer(values: Mapping[str, Plain]) -> schema.TrainerConfig:
    # older configurations name Lightning's class
    return build(schema.TrainerConfig, {key: value for key, value in values.items() if key != "_target_"}, "trainer")


def _optimizer(values: Mapping[str, Plain] | None) -> OptimizerConfig | None:
    if not values:
        return None
    options = dict(values)
    if "_target_" in options:
        options["target"] = options.pop("_target_")
    return build(OptimizerConfig, options, "optimizer")


def _callbacks(values: Mapping[str, Plain]) -> dict[str, CallbackConfig]:
    callbacks: dict[str, CallbackConfig] = {}
    for name, settings in values.items():
        if not isinstance(settings, Mapping) or "_target_" not in settings:
            raise UserError(f"callbacks.{name} has no _target_; name the class of a Lightning callback")
        arguments = dict(settings)
        target = str(arguments.pop("_target_"))
        callbacks[str(name)] = CallbackConfig(target, arguments)
    return callbacks


def _check_experiment(name: str) -> None:
    """Check that an experiment is a folder below the outputs in which every search for runs looks."""
    for level in name.split("/"):
        if not level or level.startswith((".", "seed=")):
            raise UserError(
                f"experiment={name}: give a name for the folder of the runs, such as heads or tables/heads, "
                "whose levels do not begin with '.' or 'seed='"
            )


def _check_init(init: schema.InitConfig) -> None:
    """Check that options of one initialization are not used with another."""
    read_by = {"checkpoint": "checkpoint", "source": "single_source", "seed": "single_source", "run": "single_source"}
    for key, name in read_by.items():
        if init.name != name and getattr(init, key):
            raise UserError(f"init.{key} is read by init={name} alone; add that, or leave init.{key} out")
    if init.name == "checkpoint" and not init.checkpoint:
        raise UserError("init=checkpoint needs init.checkpoint=RUN_OR_FILE, the weights to begin with")
    if init.name == "single_source" and not init.source:
        raise UserError("init=single_source needs init.source=[data=NAME], the data set of the run to begin from")
