"""The files of a run as plain values; whatever it does not have is empty."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from avseg.runs import RunDirectory, read_config, read_json
from avseg.runs.find import checkpoint_of
from avseg.utils.csv_files import read_rows
from avseg.utils.errors import UserError

_CURVE = "f_curve.csv"
_ALLOWED = "a report needs a run directory, with config.yaml and metrics.csv, such as outputs/demo/RUN/seed=123"


@dataclass(frozen=True)
class RunFiles:
    """The files of a run that a report reads."""

    run: RunDirectory
    config: Mapping[str, Any]
    manifest: Mapping[str, Any]
    result: Mapping[str, Any]  # empty until the run is complete
    epochs: Sequence[Mapping[str, str]]  # of metrics.csv
    items: Sequence[Mapping[str, str]]  # of per_clip.csv or per_video.csv
    curve: Sequence[Mapping[str, str]]  # of f_curve.csv
    long_videos: bool

    @property
    def sounds(self) -> list[str]:
        """The sounds of the evaluation, "own" first."""
        return list(self.result.get("scores", {}))

    def column(self, key: str) -> list[float]:
        """Return a column of the items, NaN where it is empty; an empty list if there is no such column."""
        if not self.items or key not in self.items[0]:
            return []
        return [float(item[key] or "nan") for item in self.items]


def read_run(path: Path) -> RunFiles:
    """Read a run directory, or the one run below a folder; `UserError` if it is none."""
    run = _run_directory(path)
    videos = run.path / "per_video.csv"
    curve = read_rows(run.path / _CURVE) or read_rows(run.path / "evaluations" / "test" / _CURVE)
    return RunFiles(
        run=run,
        config=read_config(run.path),
        manifest=read_json(run.manifest) if run.manifest.is_file() else {},
        result=read_json(run.result) if run.complete else {},
        epochs=[row for row in read_rows(run.metrics) if (row.get("epoch") or "").isdecimal()],
        items=read_rows(videos) or read_rows(run.per_clip),
        curve=curve,
        long_videos=videos.is_file(),
    )


def _run_directory(path: Path) -> RunDirectory:
    path = path.expanduser()
    if RunDirectory(path).config.is_file():
        return RunDirectory(path)
    if path.is_dir() and not any(path.glob("**/checkpoints/*.ckpt")):
        raise UserError(f"{path} holds no run; {_ALLOWED}")
    file = checkpoint_of(path)  # raises for several runs
    if file.parent.name == "checkpoints" and RunDirectory(file.parents[1]).config.is_file():
        return RunDirectory(file.parents[1])
    raise UserError(f"{path} is not of a run; {_ALLOWED}")
