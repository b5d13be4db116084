"""Facts about a model that is shared: its configuration, and the scores and provenance of its run."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from avseg.config.schema import Plain, TrainConfig
from avseg.models.experiment import ExperimentModule
from avseg.runs import RunDirectory, read_json, slug
from avseg.training.load import saved_config
from avseg.training.source import WeightsSource
from avseg.utils.csv_files import read_rows

# an absolute path, alone or as the value of an override
_PATH = re.compile(r"(?P<before>^|[=\[,'\" ])(?:~|[A-Za-z]:\\|/)[^,\]'\" ]*?(?P<name>[^/\\,\]'\" ]+)(?=$|[,\]'\" ])")
# groups of a configuration that concern the machine, or the author's accounts
_PRIVATE = ("paths", "logger")


@dataclass(frozen=True)
class ModelFacts:
    """A model, and of a run also its scores and provenance; empty where they are not known. Without local paths."""

    title: str
    config: TrainConfig
    result: Mapping[str, Any] = field(default_factory=dict)  # of result.json
    manifest: Mapping[str, Any] = field(default_factory=dict)
    per_clip: tuple[Mapping[str, str], ...] = ()  # rows of per_clip.csv
    parameters: int = 0


def collect_facts(source: WeightsSource, model: ExperimentModule) -> ModelFacts:
    """Read what the run of a checkpoint holds; of a file outside of a run only the configuration is known."""
    config = saved_config(public_record(model)["config"])
    file = source.file
    run = RunDirectory(file.parents[1] if file.parent.name == "checkpoints" else file.parent)
    per_clip: list[dict[str, str]] = []
    # the scores of a run are those of its best checkpoint
    if run.complete and file in (run.best, run.path / run.best.name):
        per_clip = read_rows(run.per_clip)
    return ModelFacts(
        title=slug(config),
        config=config,
        result=read_json(run.result) if per_clip or _has_videos(run, file) else {},
        manifest=without_paths(read_json(run.manifest)) if run.manifest.is_file() else {},
        per_clip=tuple(per_clip),
        parameters=sum(parameter.numel() for parameter in model.parameters()),
    )


def public_record(model: ExperimentModule) -> dict[str, Plain]:
    """Return what rebuilds a model, the entry "avseg" of its checkpoint, without paths and accounts of its author."""
    checkpoint: dict[str, Any] = {}
    model.on_save_checkpoint(checkpoint)
    record: dict[str, Plain] = checkpoint["avseg"]
    config = {group: values for group, values in record["config"].items() if group not in _PRIVATE}
    return {**record, "config": without_paths(config)}


def without_paths(value: Any) -> Any:
    """Replace absolute paths in plain values by their last part.

    >>> without_paths({"command": "avseg train data.root=/home/me/sets/ms3 seed=1"})
    {'command': 'avseg train data.root=ms3 seed=1'}
    """
    if isinstance(value, Mapping):
        return {key: without_paths(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return list(map(without_paths, value))
    if isinstance(value, str):
        return _PATH.sub(r"\g<before>\g<name>", value)
    return value


def _has_videos(run: RunDirectory, file: Path) -> bool:
    return run.complete and file == run.best and (run.path / "per_video.csv").is_file()
