"""The run directory: `outputs/<experiment>/<slug>-<hash8>/seed=<n>/`. `result.json` means complete."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from avseg.config.schema import Plain, TrainConfig
from avseg.runs.identity import run_hash, slug
from avseg.utils.errors import UserError
from avseg.utils.files import write_text


@dataclass(frozen=True)
class RunDirectory:
    """The files of a run."""

    path: Path  # the folder of one seed of one configuration

    @classmethod
    def of(cls, config: TrainConfig) -> "RunDirectory":
        """Return the directory that a configuration belongs to."""
        name = f"{slug(config)}-{run_hash(config)}"
        outputs = Path(config.paths.outputs).expanduser()
        return cls(outputs / config.experiment / name / f"seed={config.seed}")

    @property
    def config(self) -> Path:
        """The resolved configuration."""
        return self.path / "config.yaml"

    @property
    def manifest(self) -> Path:
        """Provenance: commit, versions, hardware, command, seeds."""
        return self.path / "manifest.json"

    @property
    def inputs(self) -> Path:
        """Stamps and digests of the data, weights and plugins that the result depends on."""
        return self.path / "inputs.json.gz"

    @property
    def best(self) -> Path:
        """The checkpoint of the best validation score."""
        return self.path / "checkpoints" / "best.ckpt"

    @property
    def last(self) -> Path:
        """The checkpoint of the last finished epoch."""
        return self.path / "checkpoints" / "last.ckpt"

    @property
    def metrics(self) -> Path:
        """A row per epoch."""
        return self.path / "metrics.csv"

    @property
    def per_clip(self) -> Path:
        """A row per test clip."""
        return self.path / "per_clip.csv"

    @property
    def result(self) -> Path:
        """The final scores; written last."""
        return self.path / "result.json"

    @property
    def pictures(self) -> Path:
        """A panel of the same clips after each validation."""
        return self.path / "pictures"

    @property
    def complete(self) -> bool:
        """True if the run has finished."""
        return self.result.is_file()

    def write_config(self, config: dict[str, Plain]) -> None:
        """Write the resolved configuration."""
        # a folder that cannot be written is reported by the lock of the run
        write_text(self.config, OmegaConf.to_yaml(OmegaConf.create(config)))


def read_config(run: Path) -> dict[str, Plain]:
    """Read the configuration of a run directory; empty if it has none, `UserError` if it is damaged."""
    path = RunDirectory(run).config
    if not path.is_file():
        return {}
    try:
        values = OmegaConf.to_container(OmegaConf.load(path))
    except (yaml.YAMLError, OmegaConfBaseException) as error:
        raise UserError(f"{path} is not a configuration of a run ({type(error).__name__})") from error
    return dict(zip(map(str, values), values.values(), strict=True)) if isinstance(values, dict) else {}


def write_json(path: Path, values: Mapping[str, Plain]) -> None:
    """Write a json file in one step."""
    write_text(path, json.dumps(values, indent=2) + "\n")


def read_json(path: Path) -> dict[str, Plain]:
    """Read a json object; a `UserError` if it is not one."""
    try:
        values = json.loads(path.read_text())
    except ValueError as error:
        raise UserError(f"{path} is not a json file ({error}); delete it and run again") from error
    if not isinstance(values, dict):
        raise UserError(f"{path} does not hold a json object; delete it and run again")
    return values
