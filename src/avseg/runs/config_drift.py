"""Refuse to mix results: a run directory, or the overrides of a sweep, whose configuration has changed since."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from avseg.config.read import train_config
from avseg.config.schema import Plain, TrainConfig, TrainerConfig
from avseg.runs.configure import without_keys
from avseg.runs.directory import RunDirectory, read_json, write_json
from avseg.runs.identity import science
from avseg.utils.errors import UserError

_MISSING = "(nothing)"  # the value of a key that a configuration lacks
# overrides that say where and how, not what; `trainer=` itself chooses the precision, and counts
_INFRASTRUCTURE_GROUPS = ("hydra", "logger", "paths", "experiment", "seed", "metrics")


def refuse_changed(run: RunDirectory, config: TrainConfig) -> None:
    """Raise `UserError` if the `config.yaml` of a run that was begun was edited, is damaged or means other science."""
    if not run.config.is_file():
        return
    if change := first_change(run.config, config):
        key, old, new = change
        raise UserError(
            f"{run.config}: {key} is {old} there and {new} in this command; undo the change in the file, "
            "give this run another name with experiment=NAME, or delete the old folder"
        )


def first_change(written: Path, config: TrainConfig) -> tuple[str, Plain, Plain] | None:
    """Find the first key of the science that differs from a `config.yaml`; return it with its old and new value.

    A file that is not a configuration is a `UserError`.
    """
    try:
        values: Any = OmegaConf.to_container(OmegaConf.load(written))
        old = _flat(science(train_config(values)))
    except (yaml.YAMLError, OmegaConfBaseException, OSError, TypeError, AttributeError, UserError) as error:
        reason = str(error) if isinstance(error, UserError) else type(error).__name__
        raise UserError(
            f"{written} is not a configuration of a run ({reason}); "
            "give this run another name with experiment=NAME, or delete the old folder"
        ) from error
    new = _flat(science(config))  # as this command composes it
    for key in dict.fromkeys((*new, *old)):
        if old.get(key, _MISSING) != new.get(key, _MISSING):
            return key, old.get(key, _MISSING), new.get(key, _MISSING)
    return None


def scientific_overrides(overrides: Sequence[str], config: TrainConfig) -> str:
    """Return the overrides of a job that can change a result, sorted: its key in `sweep.json`.

    The configuration that they compose to knows which keys of its groups are infrastructure.
    """
    infrastructure = [*_INFRASTRUCTURE_GROUPS, "callbacks.panels"]
    infrastructure += map("trainer.{}".format, TrainerConfig.infrastructure_keys())
    infrastructure += map("data.{}".format, type(config.data).infrastructure_keys())
    return " ".join(sorted(without_keys(overrides, infrastructure)))


class SweepRecord:
    """`outputs/<experiment>/sweep.json`: the folder of the run that each job's overrides meant."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.runs: dict[str, str] = read_json(file).get("runs", {}) if file.is_file() else {}

    def refuse_changed(self, name: str, overrides: Sequence[str], config: TrainConfig) -> None:
        """Raise `UserError` with the first key whose value has changed since the run of these overrides was begun."""
        current = RunDirectory.of(config).path.parent
        folder = current.parent / self.runs.get(scientific_overrides(overrides, config), current.name)
        if folder == current:
            return
        # an old folder that is gone, or in which nothing was begun, mixes with nothing
        for written in sorted(folder.glob("seed=*/config.yaml")):
            change = first_change(written, config)
            key, old, new = change or ("the meaning of these overrides", folder.name, current.name)
            raise UserError(
                f"{name}: {key} was {old} when {folder} was begun and is {new} now, by a change in conf/ or of "
                f"avseg; give the new runs a name of their own with experiment=NAME, or delete {folder}"
            )

    def remember(self, jobs: Sequence[tuple[Sequence[str], TrainConfig]]) -> None:
        """Write what the overrides of jobs mean now."""
        runs = dict(self.runs)
        for overrides, config in jobs:
            runs[scientific_overrides(overrides, config)] = RunDirectory.of(config).path.parent.name
        if runs != self.runs:
            write_json(self.file, {"runs": runs})
            self.runs = runs


def _flat(node: Plain, prefix: str = "") -> dict[str, Plain]:
    """Return the leaves by dotted key."""
    if isinstance(node, list) and any(isinstance(entry, dict) for entry in node):
        node = dict(enumerate(node))
    if not isinstance(node, dict) or not node:
        return {prefix: node}
    leaves: dict[str, Plain] = {}  # by dotted key
    for name, value in node.items():
        leaves |= _flat(value, f"{prefix}.{name}".strip("."))
    return leaves
