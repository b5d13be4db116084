"""The scores of one cell, read from the run directories of its seeds."""

import csv
import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from avseg.metrics.registry import metric_info
from avseg.runs import RunDirectory, read_json
from avseg.utils.errors import UserError

# per_clip.csv and result.json hold the same numbers, averaged in another order in float32
_TOLERANCE = 1e-4


@dataclass(frozen=True)
class Scores:
    """What the seeds of one cell reached in one metric, in per cent.

    Attributes:
        values: for each seed.
        runs: for each seed the name of its run.
        clips: for each video_id the mean over the seeds; empty for a metric that is no mean over clips.
    """

    values: Mapping[int, float]
    runs: Mapping[int, str]
    clips: Mapping[str, float]


def read_scores(runs: Mapping[int, tuple[str, RunDirectory]], metric: str) -> Scores | None:
    """Reads one cell.

    Args:
        runs: for each seed the run's name and directory; those that are not complete are left out.
        metric: a key of `scores.own` in result.json.

    Returns:
        None when no run is complete.

    Raises:
        UserError: a run lacks the metric, its per_clip.csv does not belong to its result, or the seeds were tested on
            different clips.
    """
    complete = {seed: (name, run) for seed, (name, run) in runs.items() if run.complete}
    if not complete:
        return None
    values = {seed: _value(run, metric) for seed, (_, run) in complete.items()}
    clips = {seed: _clips(run, metric, values[seed]) for seed, (_, run) in complete.items()}
    names = {seed: name for seed, (name, _) in complete.items()}
    return Scores(values, names, _averaged(clips, names) if metric_info(metric).mean_over_clips else {})


def _value(run: RunDirectory, metric: str) -> float:
    own = read_json(run.result).get("scores", {}).get("own", {})
    if metric not in own:
        raise UserError(f"{run.result} holds no '{metric}'; it holds {', '.join(own) or 'no scores'}")
    return math.nan if own[metric] is None else metric_info(metric).scale * float(own[metric])


def _clips(run: RunDirectory, metric: str, value: float) -> dict[str, float]:
    """For each video_id of the test split its score in per cent."""
    if not metric_info(metric).mean_over_clips:
        return {}
    damaged = f"{run.path} is damaged; delete it and run again"
    try:
        with run.per_clip.open(newline="") as file:
            rows = list(csv.DictReader(file))
        clips = {row["video_id"]: metric_info(metric).scale * float(row[metric]) for row in rows}
    except (OSError, KeyError, ValueError) as error:
        raise UserError(f"{run.per_clip} cannot be read ({error!r}); {damaged}") from error
    if len(clips) < len(rows):
        raise UserError(f"{run.per_clip} names a clip twice; give each clip of the test split its own video_id")
    mean = float(np.mean(list(clips.values()))) if clips else math.nan
    if not math.isclose(mean, value, abs_tol=metric_info(metric).scale * _TOLERANCE):
        raise UserError(f"{run.per_clip} averages to {mean:.2f}, but result.json says {value:.2f}; {damaged}")
    return clips


def _averaged(clips: Mapping[int, Mapping[str, float]], names: Mapping[int, str]) -> dict[str, float]:
    (first, ids), *others = clips.items()
    for seed, found in others:
        if found.keys() != ids.keys():
            raise UserError(f"{names[first]} and {names[seed]} were tested on different clips; delete the older one")
    return {video_id: float(np.mean([found[video_id] for found in clips.values()])) for video_id in ids}
