"""Compose a training command with the runs it needs: a Single-source run (Table A2), the branches of a composition."""

import shlex
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from avseg.config.compose import compose_train
from avseg.config.read import override_key
from avseg.config.schema import InitConfig, SourceRun, TrainConfig
from avseg.models.lu_avs.config import StrongConfig
from avseg.runs.identity import run_id
from avseg.utils.errors import UserError

# overrides of this run alone: its start, its name, its data set, its dashboard, the recipe that depends on the data
_NOT_OF_SOURCE = ("init", "experiment", "logger", "hydra", "model.loss", "trainer.max_epochs")
_DATA_OF_SOURCE = ("root", "name", "setting")
# overrides that concern a composition alone; its branches share data, seed, paths and machine
_OF_COMPOSITION = ("model", "experiment", "logger", "hydra", "data.rate", "data.frames_per_chunk")


def training_config(overrides: Sequence[str]) -> TrainConfig:
    """Compose the configuration of `avseg train OVERRIDE...`.

    With `init=single_source`, `init.run` becomes the id of the run to begin from, and `init.command` the command that
    makes it; the sources of a composition likewise. Whether these runs exist is not checked here.

    Raises:
        UserError: see `avseg.config.compose.compose_train`; or a source that is not a run.
    """
    config = compose_train(overrides)
    if config.init.run or config.init.command:
        raise UserError("init.run and init.command follow from init.source and init.seed; leave them out")
    if config.init.name == "single_source":
        config = replace(config, init=_with_source(config.init, overrides))
    if isinstance(config.model, StrongConfig):
        config = _with_branches(config, config.model, overrides)
    return config


def _with_source(init: InitConfig, overrides: Sequence[str]) -> InitConfig:
    source = source_overrides(overrides, init.source, init.seed)
    try:
        config = compose_train(source)
    except UserError as error:
        raise UserError(f"init.source: {error}") from error
    if config.init.name == "single_source":
        raise UserError("init.source: the run to begin from may not begin from a Single-source run itself")
    return replace(init, run=run_id(config), command=shlex.join(["avseg", "train", *source]))


def source_overrides(overrides: Sequence[str], source: Sequence[str], seed: int | None = None) -> list[str]:
    """Return the overrides of the run to begin from: those of this run, changed by `source` and its own seed, if any.

    >>> source_overrides(["data=avsbench_ms3", "fusion=none", "seed=1", "init=single_source"], ["data=avsbench_s4"])
    ['fusion=none', 'seed=1', 'data=avsbench_s4']
    """
    kept = []
    for override in without_keys(overrides, _NOT_OF_SOURCE if seed is None else (*_NOT_OF_SOURCE, "seed")):
        group, _, name = override_key(override).partition(".")
        # other options of the data, such as the size of frames, are shared
        if group != "data" or name.split(".")[0] not in ("", *_DATA_OF_SOURCE):
            kept.append(override)
    kept += source
    return kept if seed is None else [*kept, f"seed={seed}"]


def without_keys(overrides: Iterable[str], keys: Collection[str]) -> list[str]:
    """Return the overrides that set none of the keys and nothing below them.

    >>> without_keys(["model=avs", "model.channels=8", "models=2"], ["model"])
    ['models=2']
    """
    kept = []
    for override in overrides:
        key = override_key(override).replace("/", ".")
        if not any(f"{key}.".startswith(f"{name}.") for name in keys):
            kept.append(override)
    return kept


def _with_branches(config: TrainConfig, model: StrongConfig, overrides: Sequence[str]) -> TrainConfig:
    # a composition refers to its branches by identity, and reads frames of the size of the visual one
    visual = _branch_config("visual", model.visual, overrides)
    audio = _branch_config("audio", model.audio, overrides)
    data = replace(config.data, image_size=visual[0].data.image_size)
    if hasattr(data, "long_side"):
        data = replace(data, long_side=visual[0].data.long_side)  # type: ignore[attr-defined, call-arg]
    model = replace(model, visual_source=visual[1], audio_source=audio[1])
    return replace(config, data=data, model=model)


def _branch_config(role: str, changes: Sequence[str], overrides: Sequence[str]) -> tuple[TrainConfig, SourceRun]:
    kept = [*without_keys(overrides, _OF_COMPOSITION), *changes]
    try:
        config = compose_train(kept)
    except UserError as error:
        raise UserError(f"model.{role}: {error}") from error
    return config, SourceRun(run_id(config), shlex.join(["avseg", "train", *kept]))
