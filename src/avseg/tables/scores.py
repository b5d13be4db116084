"""Read the scores of one cell from the run directories of its seeds."""

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter

import numpy as np

from avseg.metrics.registry import METRICS, metric_info
from avseg.runs import RunDirectory, read_json
from avseg.utils.errors import UserError

# per_clip.csv and result.json hold the same numbers, averaged in another order in float32
_TOLERANCE = 1e-4


@dataclass(frozen=True)
class Scores:
    """Scores of the seeds of one cell in one metric, in per cent."""

    values: Mapping[int, float]  # by seed; NaN for a score that the model does not have
    runs: Mapping[int, str]  # names by seed
    clips: Mapping[str, float]  # means over the seeds by video_id; empty for a metric that is not a mean over clips


def read_scores(runs: Mapping[int, tuple[str, RunDirectory]], metric: str) -> Scores | None:
    """Read one cell from name and directory of the run of each seed; None if no run is complete.

    `metric` may name a control sound, "other/miou".

    Raises:
        UserError: a run lacks a metric that is not registered, its per_clip.csv contradicts its result, or seeds have
            different test clips.
    """
    values = {}
    names = {}
    clips = {}
    for seed, (name, run) in runs.items():
        if run.complete:
            names[seed] = name
            values[seed] = _read_value(run, metric)
            if metric_info(metric).mean_over_clips and not math.isnan(values[seed]):
                clips[seed] = _read_clips(run, metric, values[seed])
    if not values:
        return None
    return Scores(values, names, _mean_over_seeds(clips, names) if any(clips.values()) else {})


def _read_value(run: RunDirectory, metric: str) -> float:
    sound, _, key = metric.rpartition("/")
    scores = read_json(run.result).get("scores", {}).get(sound or "own", {})
    if key not in scores and (key not in METRICS or not scores):
        raise UserError(f"{run.result} holds no '{metric}'; it holds {', '.join(scores) or 'no scores'}")
    # null: undefined; a score that other models have is undefined too
    value = scores.get(key)
    return math.nan if value is None else metric_info(metric).scale * float(value)


def _read_clips(run: RunDirectory, metric: str, value: float) -> dict[str, float]:
    """Read the score of each test clip in per cent by video_id, and check that they are those of the run's value.

    The value is their mean, or the mean over groups of them, which differs if the last group is shorter. Empty if the
    file has no column of the metric: the semantic form of a score has no value per clip.
    """
    scale = metric_info(metric).scale
    advice = f"{run.path} is damaged; delete it and run again"
    clips = {}
    try:
        with run.per_clip.open(newline="") as file:
            reader = csv.DictReader(file)
            rows = list(reader)
        if reader.fieldnames and metric not in reader.fieldnames:
            return {}
        for row in rows:
            clips[row["video_id"]] = scale * float(row[metric])
    except (OSError, KeyError, ValueError) as error:
        raise UserError(f"{run.per_clip} cannot be read ({error!r}); {advice}") from error
    # the dict keeps one row per video_id
    if len(clips) < len(rows):
        raise UserError(f"{run.per_clip} names a clip twice; give each clip of the test split its own video_id")
    mean = float(np.mean(list(clips.values()))) if clips else math.nan
    means = (mean, _mean_over_groups(list(clips.values()), read_json(run.result).get("videos_per_group")))
    if not any(math.isclose(candidate, value, abs_tol=scale * _TOLERANCE) for candidate in means):
        raise UserError(f"{run.per_clip} averages to {mean:.2f}, but result.json has {value:.2f}; {advice}")
    return clips


def _mean_over_groups(scores: Sequence[float], videos: int | None) -> float:
    """Compute the mean over groups of `videos` clips, in the order of the split, of the mean of each group."""
    size = videos or max(1, len(scores))
    groups = [float(np.mean(scores[start : start + size])) for start in range(0, len(scores), size)]
    return float(np.mean(groups)) if groups else math.nan


def _mean_over_seeds(clips: Mapping[int, Mapping[str, float]], names: Mapping[int, str]) -> dict[str, float]:
    (first_seed, first), *remaining = clips.items()  # at least one seed is complete
    for seed, scores in remaining:
        if scores.keys() != first.keys():
            raise UserError(f"{names[first_seed]} and {names[seed]} have different test clips; delete the older one")
    means = {}
    for video_id in first:
        means[video_id] = float(np.mean(list(map(itemgetter(video_id), clips.values()))))
    return means
