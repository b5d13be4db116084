"""Refuses a run directory whose configuration is not the one asked for: results are never mixed or overwritten."""

from pathlib import Path
from typing import Any

import yaml
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from avseg.runs.directory import RunDirectory
from avseg.runs.identity import science
from avseg.utils.errors import UserError

_MISSING = "(nothing)"
# every version has written these
_ALWAYS = ("data", "trainer", "init", "seed")
# with a schema, so that a key that is not there is one of a later version; the others hold what their class takes
_GROUPS = ("task", "data", "backbone", "audio", "fusion", "init", "loss", "optimizer", "branch")


def refuse_changed(run: RunDirectory, config: dict[str, Any]) -> None:
    """Checks that `config.yaml` of a run that was begun means the same science.

    Raises:
        UserError: it was edited by hand, is damaged, or belongs to other science with the same hash.
    """
    if not run.config.is_file():
        return
    if changed := first_change(run.config, config):
        key, before, now = changed
        raise UserError(
            f"{run.config}: {key} is {before} there and {now} in this command; undo the change in the file, "
            "give this run another name with experiment=NAME, or delete the old folder"
        )


def first_change(written: Path, config: dict[str, Any]) -> tuple[str, Any, Any] | None:
    """The first key of the science that differs from a written configuration: `(key, before, now)`, or None.

    Args:
        written: a `config.yaml`.
        config: the resolved configuration of now.

    Raises:
        UserError: the file is no configuration.
    """
    try:
        loaded: Any = OmegaConf.to_container(OmegaConf.load(written))
        if missing := set(_ALWAYS) - loaded.keys():
            raise KeyError(*missing)
        before = science(_filled(loaded, config))
    except (yaml.YAMLError, OmegaConfBaseException, OSError, KeyError, TypeError, AttributeError) as error:
        raise UserError(
            f"{written} is no configuration of a run ({type(error).__name__}); "
            "give this run another name with experiment=NAME, or delete the old folder"
        ) from error
    old, new = _flat(before), _flat(science(config))
    for key in dict.fromkeys((*new, *old)):
        if old.get(key, _MISSING) != new.get(key, _MISSING):
            return key, old.get(key, _MISSING), new.get(key, _MISSING)
    return None


def _filled(before: dict[str, Any], now: dict[str, Any]) -> dict[str, Any]:
    """With the keys that there were not yet when the run was begun; those that change its science change its hash."""
    filled = dict(before)
    for key, value in now.items():
        if key not in before:
            filled[key] = value
        elif isinstance(value, dict) and isinstance(before[key], dict) and key in _GROUPS:
            filled[key] = {**value, **before[key]}
    return filled


def _flat(node: Any, prefix: str = "") -> dict[str, Any]:
    """Dotted keys of the leaves."""
    if isinstance(node, dict) and node:
        pairs = [(str(key), value) for key, value in node.items()]
    elif isinstance(node, list) and any(isinstance(entry, dict) for entry in node):
        pairs = [(str(place), value) for place, value in enumerate(node)]
    else:
        return {prefix: node}
    return {key: leaf for name, value in pairs for key, leaf in _flat(value, f"{prefix}.{name}".strip(".")).items()}
