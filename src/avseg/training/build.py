"""Build the model and the data module that a configuration describes."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from avseg.config.components import built_class
from avseg.config.plugins import import_plugins
from avseg.config.read import plain_config
from avseg.config.schema import TrainConfig
from avseg.data.pack import weights_fingerprint
from avseg.data.setting import ClipSetting
from avseg.models.experiment import BuildContext, ExperimentModule, FitOptions
from avseg.runs.find import complete_run, runs_of
from avseg.utils.errors import UserError


@dataclass(frozen=True)
class DataFacts:
    """The facts about its data that a model needs; they are saved in checkpoints."""

    setting: ClipSetting
    labels: tuple[str, ...] = ()


def build_data(config: TrainConfig) -> Any:
    """Build the data module of a configuration; it reads sound through the front end of the model."""
    # of the group `audio`, or the model's own
    frontend = built_class(config.model).make_frontend(config.model, config.audio)
    arguments: dict[str, Any] = {"frontend": frontend, "seed": config.seed}
    if config.data.data_kind == "long_videos":
        arguments["reads"] = config.model.reading
    if getattr(config.data, "packed_audio", None) == "embeddings":
        arguments["vggish"] = _encoder_fingerprint(config)
    return built_class(config.data)(config.data, **arguments)


def build_model(
    config: TrainConfig,
    facts: DataFacts,
    *,
    pretrained: bool = True,
    parts: Mapping[str, ExperimentModule] | None = None,
) -> ExperimentModule:
    """Build the model of a configuration for data with these facts; `parts` are the modules of a composition, by role.

    Without `pretrained` the weights that the configuration names are not loaded, because a checkpoint fills them.

    Raises:
        UserError: weights that are not available, options that do not fit.
    """
    import_plugins()  # registers their metrics
    context = BuildContext(
        setting=facts.setting,
        preset=config.model.preset(config.data.setting),
        image_size=config.data.image_size,
        labels=facts.labels,
        backbone=config.backbone,
        audio=config.audio,
        fusion=config.fusion,
        metrics=config.metrics.names,
        pretrained=pretrained,
        parts=parts or {},
    )
    module: ExperimentModule = built_class(config.model)(config.model, context)
    module.record = plain_config(config)
    module.fit_options = FitOptions(config.optimizer, config.seed, str(config.trainer.precision))
    return module


def source_run(config: TrainConfig, role: str, outputs: list[Path]) -> Path:
    """Find the finished run of a role of a composition; without one, `UserError` with the command that makes it."""
    source = config.model.sources()[role]
    for folder in outputs:
        if run := complete_run(folder, source.run):
            return run.path
    begun = runs_of(outputs[0], source.run)
    state = f"is not finished ({begun[0].path})" if begun else "is missing"
    raise UserError(
        f"model={config.model.name}: the run of the {role} branch, {source.run}, {state}; "
        f"make it with: {source.command}"
    )


def _encoder_fingerprint(config: TrainConfig) -> str:
    """Return the fingerprint of the weights that packed embeddings must have been computed with."""
    if config.audio is None or not hasattr(config.audio, "weights") or config.audio.weights == "random":
        raise UserError(
            "data.packed_audio=embeddings needs audio=vggish with the weights that were packed; "
            "set data.packed_audio=patches for another encoder"
        )
    return weights_fingerprint(built_class(config.audio)(config.audio, True).state_dict())
