"""Use Hydra for a sweep: its settings, the combinations of the overrides, and the call of its launcher."""

import importlib.util
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from hydra import initialize_config_dir
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from avseg.config.compose import explain, readable
from avseg.config.paths import conf_folder
from avseg.utils.errors import UserError, nearest

# launchers of packages that may be missing, and how to get them
_PLUGINS = {
    "slurm": ("hydra_submitit_launcher", "avseg[slurm]"),
    "submitit_slurm": ("hydra_submitit_launcher", "avseg[slurm]"),
    "submitit_local": ("hydra_submitit_launcher", "avseg[slurm]"),
    "joblib": ("hydra_joblib_launcher", "hydra-joblib-launcher"),
    "ray": ("hydra_ray_launcher", "hydra-ray-launcher"),
}


def hydra_settings(overrides: list[str]) -> dict[str, Any]:
    """Compose `hydra.launcher` and `hydra.sweeper` of a sweep as plain values, and `name`, the option of the launcher.

    Raises:
        UserError: a launcher that does not exist or is not installed, a setting that it does not have, or any other
            mistake in the overrides (see `avseg.config.compose.compose_train`).
    """
    launchers = [word.partition("=")[2] for word in overrides if word.startswith("hydra/launcher=")]
    for name in launchers:
        package, install = _PLUGINS.get(name, ("", ""))
        if package and importlib.util.find_spec(f"hydra_plugins.{package}") is None:
            raise UserError(f"hydra/launcher={name} is not installed; pip install '{install}'")
    _check_keys("hydra.launcher", overrides, _hydra([word for word in overrides if word.startswith("hydra/")]))
    return _hydra(overrides)


def combinations(overrides: list[str], settings: dict[str, Any]) -> list[list[str]]:
    """Return the overrides of each job, `a=1,2 b=3` for two; `hydra.sweeper.params` come before the overrides.

    Raises:
        UserError: another sweeper than Hydra's basic one, or values that it cannot count.
    """
    if not settings["sweeper"]["_target_"].endswith(".BasicSweeper"):
        raise UserError(
            "hydra/sweeper: only the basic sweeper knows all jobs before the first starts; leave it out, "
            "or search with the tool's own loop around `avseg train`"
        )
    words = [f"{key}={value}" for key, value in (settings["sweeper"]["params"] or {}).items()] + overrides
    with _hydra_of_ours(overrides) as hydra:
        parser = OverridesParser.create(config_loader=hydra.config_loader)
        parsed = parser.parse_overrides([readable(word) for word in words])
        jobs: list[list[str]]
        (jobs,) = BasicSweeper.split_arguments([word for word in parsed if not word.is_hydra_override()], None)
    return [[as_written(override) for override in job] for job in jobs]


def multirun(overrides: list[str], function: Callable[[Any], Any]) -> list[Any]:
    """Let Hydra's sweeper and launcher run a function once per combination; returns its return values.

    The launcher decides if the function, which takes a job's configuration, is called at all.
    """
    with _hydra_of_ours(overrides) as hydra:
        batches = hydra.multirun("train", function, [readable(word) for word in overrides], False)
    return [job.return_value for batch in batches for job in batch]


def as_written(override: str) -> str:
    """Return an override as the user may write it, without the mark that `readable` adds."""
    return override.removeprefix("++")


def _hydra(overrides: list[str]) -> dict[str, Any]:
    with _hydra_of_ours(overrides) as hydra:
        words = [readable(word) for word in overrides]
        config = hydra.compose_config("train", words, RunMode.MULTIRUN, with_log_configuration=False)
        settings = {key: OmegaConf.to_container(config.hydra[key], resolve=True) for key in ("launcher", "sweeper")}
        return settings | {"name": config.hydra.runtime.choices["hydra/launcher"]}


@contextmanager
def _hydra_of_ours(overrides: list[str]) -> Iterator[Any]:
    """Start Hydra on `conf/`; its errors become one line."""
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(conf_folder()), version_base="1.3", job_name="avseg"):
        try:
            yield GlobalHydra.instance().hydra
        except (HydraException, OmegaConfBaseException) as error:
            raise UserError(explain("train", overrides, error)) from error


def _check_keys(node: str, overrides: list[str], settings: dict[str, Any]) -> None:
    allowed = [key for key in settings["launcher"] if key != "_target_"]
    for word in overrides:
        key = word.partition("=")[0]
        name = key.removeprefix(f"{node}.").split(".")[0]
        if key.startswith(f"{node}.") and name not in allowed:
            every = f"{settings['name']} has {', '.join(allowed) or 'no settings'}"
            raise UserError(f"the key '{key}' does not exist{nearest(name, allowed)} ({every})")
