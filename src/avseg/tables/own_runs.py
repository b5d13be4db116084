"""The complete runs below a folder as rows of a leaderboard: means over the seeds of one configuration."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from avseg.data.check.published import PUBLISHED
from avseg.runs import RunDirectory, read_config, read_json


@dataclass(frozen=True)
class OwnRun:
    """The seeds of one configuration."""

    name: str  # of the folder, EXPERIMENT/NAME
    data: str
    setting: str
    backbone: str
    image_size: str
    videos_per_group: str
    clips: int
    scores: Mapping[str, Sequence[float]]  # by metric, in [0, 1], one per seed

    @property
    def seeds(self) -> int:
        """Number of complete runs."""
        return max(map(len, self.scores.values()), default=0)

    @property
    def difference(self) -> str:
        """The reason why published numbers are of another test set; empty if they are of the same."""
        official = "lu_avs" if self.setting == "lu_avs" else f"avsbench_{self.setting}"
        if self.data != official:
            return f"data is {self.data}, not {official}"
        expected = PUBLISHED[self.setting].splits.get("test", self.clips)
        return "" if self.clips == expected else f"{self.clips} test clips of {expected}"

    def mean(self, metric: str) -> float:
        """Return the mean over the seeds in per cent."""
        return 100 * mean(self.scores[metric])

    def text(self, metric: str) -> str:
        """Return mean and, of several seeds, standard deviation; empty if the runs have no such score."""
        values = self.scores.get(metric, ())
        if len(values) == 0:
            return ""
        deviation = f" ± {100 * stdev(values):.2f}" if len(values) > 1 else ""
        return f"{self.mean(metric):.2f}{deviation}"


def read_own_runs(outputs: Path) -> list[OwnRun]:
    """Read the complete runs of the test split; runs of settings without published numbers are left out."""
    runs: dict[Path, list[Path]] = {}
    for result in sorted(outputs.glob("**/seed=*/result.json")):
        runs.setdefault(result.parents[1], []).append(result.parent)
    rows = []
    for folder, seeds in runs.items():
        row = _read(folder.relative_to(outputs).as_posix() if folder != outputs else folder.name, seeds)
        if row is not None:
            rows.append(row)
    return rows


def _read(name: str, seeds: Sequence[Path]) -> OwnRun | None:
    config: Mapping[str, Any] = read_config(seeds[0])
    results = [read_json(RunDirectory(seed).result) for seed in seeds]
    results = [result for result in results if result.get("split") == "test"]
    data = config.get("data") or {}
    setting = data.get("setting")
    if not results or setting not in PUBLISHED:
        return None
    scores: dict[str, list[float]] = {}
    for result in results:
        for key, value in result["scores"]["own"].items():
            if value is not None:
                scores.setdefault(key, []).append(value)
    group = results[0].get("videos_per_group")
    backbone = (config.get("backbone") or {}).get("name") or (config.get("model") or {}).get("name", "")
    size = data.get("image_size")
    clips = results[0].get("clips") or results[0].get("videos") or 0
    return OwnRun(name, data["name"], setting, backbone, str(size or ""), str(group or ""), clips, scores)
