"""Use Hydra for a sweep: its settings, the combinations of the overrides, and the call of its launcher."""

import importlib.util
from collections.abc import Callable
from itertools import chain
from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.types import RunMode
from omegaconf import OmegaConf

from avseg.config.compose import readable, start_hydra
from avseg.config.schema import Plain
from avseg.utils.errors import UserError, nearest

# launchers of packages that may be missing, and how to get them
_PLUGINS = {
    "slurm": ("hydra_submitit_launcher", "avseg[slurm]"),
    "submitit_slurm": ("hydra_submitit_launcher", "avseg[slurm]"),
    "submitit_local": ("hydra_submitit_launcher", "avseg[slurm]"),
    "joblib": ("hydra_joblib_launcher", "hydra-joblib-launcher"),
    "ray": ("hydra_ray_launcher", "hydra-ray-launcher"),
}


def hydra_settings(overrides: list[str]) -> dict[str, Plain]:
    """Compose `hydra.launcher` and `hydra.sweeper` of a sweep as plain values, and `name`, the option of the launcher.

    Raises:
        UserError: a launcher that does not exist or is not installed, a setting that it does not have, or any other
            mistake in the overrides (see `avseg.config.compose.compose_train`).
    """
    choices: list[str] = []
    for override in overrides:
        if override.startswith("hydra/"):
            choices.append(override)
        name = override.removeprefix("hydra/launcher=")
        package, install = _PLUGINS.get(name, ("", ""))
        if package and name != override and importlib.util.find_spec(f"hydra_plugins.{package}") is None:
            raise UserError(f"hydra/launcher={name} is not installed; pip install '{install}'")
    # a key that the launcher lacks stops the composition of all overrides, so its own settings come first
    _check_launcher_keys(overrides, _compose_settings(choices))
    return _compose_settings(overrides)


def combinations(overrides: list[str], settings: dict[str, Plain]) -> list[list[str]]:
    """Return the overrides of each job, `a=1,2 b=3` for two; `hydra.sweeper.params` come before the overrides.

    Raises:
        UserError: another sweeper than Hydra's basic one, or values that it cannot count.
    """
    if not settings["sweeper"]["_target_"].endswith(".BasicSweeper"):
        raise UserError(
            "hydra/sweeper: only the basic sweeper knows all jobs before the first starts; leave it out, "
            "or search with the tool's own loop around `avseg train`"
        )
    params: dict[str, Plain] = settings["sweeper"]["params"] or {}
    sweep = [f"{key}={value}" for key, value in params.items()] + overrides
    with start_hydra("train", overrides) as hydra:
        parser = OverridesParser.create(config_loader=hydra.config_loader)
        parsed = parser.parse_overrides(list(map(readable, sweep)))
        jobs: list[list[str]]
        (jobs,) = BasicSweeper.split_arguments([entry for entry in parsed if not entry.is_hydra_override()], None)
    return [list(map(as_written, job)) for job in jobs]


def multirun(overrides: list[str], function: Callable[[Any], Any]) -> list[Any]:
    """Let Hydra's sweeper and launcher run a function, which takes a job's configuration, once per combination."""
    with start_hydra("train", overrides) as hydra:
        batches = hydra.multirun("train", function, list(map(readable, overrides)), False)
    return [job.return_value for job in chain.from_iterable(batches)]


def job_overrides() -> list[str]:
    """Return the overrides of the job that Hydra runs in this process now."""
    overrides = OmegaConf.to_container(HydraConfig.get().overrides.task, resolve=False) or ()
    return [as_written(str(override)) for override in overrides]


def as_written(override: str) -> str:
    """Return an override as the user may write it, without the mark that `readable` adds."""
    return override.removeprefix("++")


def _compose_settings(overrides: list[str]) -> dict[str, Plain]:
    with start_hydra("train", overrides) as hydra:
        arguments = list(map(readable, overrides))
        config = hydra.compose_config("train", arguments, RunMode.MULTIRUN, with_log_configuration=False)
        settings: dict[str, Plain] = {"name": config.hydra.runtime.choices["hydra/launcher"]}
        for key in ("launcher", "sweeper"):
            settings[key] = OmegaConf.to_container(config.hydra[key], resolve=True)
        return settings


def _check_launcher_keys(overrides: list[str], settings: dict[str, Plain]) -> None:
    allowed = [key for key in settings["launcher"] if key != "_target_"]
    for override in overrides:
        key = override.partition("=")[0]
        name = key.removeprefix("hydra.launcher.").split(".")[0]
        if key.startswith("hydra.launcher.") and name not in allowed:
            listed = f"{settings['name']} has {', '.join(allowed) or 'no settings'}"
            raise UserError(f"the key '{key}' does not exist{nearest(name, allowed)} ({listed})")
