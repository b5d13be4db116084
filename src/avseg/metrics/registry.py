"""Registry of scores: the one entry from which result.json, tables, csv files and dashboards know a metric.

Another package adds a score with `register_metric`; nothing else has to be edited:

    class EmptyFrames(torchmetrics.Metric):
        def update(self, logits, masks, index=None): ...
        def compute(self): ...

    register_metric("empty_frames", "frames without a mask", lambda settings: EmptyFrames(), higher_is_better=False)

This module imports no torch, so that a table can be printed without loading it.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from avseg import metrics
from avseg.utils.errors import UserError, nearest

if TYPE_CHECKING:
    from torchmetrics import Metric

PERCENT = "percent"
# the sounds under which an evaluation scores a model: its own, and the controls
SOUND_TITLES = {
    "own": "its own sound",
    "silence": "silence",
    "noise": "white noise",
    "other": "another clip's sound",
    "shuffled": "own, shuffled in time",
}
# LU-AVS: computed together by LongVideoScore
LONG_VIDEO_SCORES = ("m_tIoU", "m_vIoU", "m_tF", "m_vF", "m_tLoc", "m_tF1", "vIoU@0.3", "vIoU@0.5")


@dataclass(frozen=True)
class MetricSettings:
    """Properties of the data set and the model that a metric may need.

    `num_classes` is 1 for sounding or silent, more for semantic masks; `videos_per_group` None is the whole split.
    """

    num_classes: int = 1
    frames_per_video: int = 5
    videos_per_group: int | None = 4


@runtime_checkable
class PerClipMetric(Protocol):
    """A metric that also scores single clips."""

    def per_clip(self) -> dict[int, float]:
        """Compute the score of each clip by its index, over all processes."""
        ...


Factory = Callable[[MetricSettings], "Metric | None"]


@dataclass(frozen=True)
class MetricInfo:
    """Description of one score.

    `factory` returns None where the score is not defined; a score without a factory is computed from others.
    """

    key: str  # its name in result.json, metrics.csv ("val/KEY"), per_clip.csv and sweep.yaml
    title: str  # its name in tables
    unit: str = PERCENT  # "percent" for values in [0, 1] that are shown times 100; any other unit is shown as it is
    higher_is_better: bool = True  # False for errors
    per_clip: bool = False  # the metric also has `per_clip()`, a column of per_clip.csv
    # the score is the mean over per_clip.csv, or over groups of its clips, so tables can bootstrap over clips
    mean_over_clips: bool = False
    factory: Factory | None = None

    @property
    def scale(self) -> float:
        """Factor from the stored value to the one that is shown."""
        return 100.0 if self.unit == PERCENT else 1.0

    @property
    def heading(self) -> str:
        """Title of a column, with the unit where it is not per cent."""
        return self.title if self.unit == PERCENT else f"{self.title} ({self.unit})"


def _miou(settings: MetricSettings) -> "Metric":
    if settings.num_classes > 1:
        return metrics.SemanticScore("iou", num_classes=settings.num_classes)
    return metrics.MaskIoU(settings.videos_per_group, settings.frames_per_video)


def _frame_miou(settings: MetricSettings) -> "Metric | None":
    return metrics.MaskIoU(None) if settings.num_classes == 1 else None


def _fscore(settings: MetricSettings) -> "Metric":
    if settings.num_classes > 1:
        return metrics.SemanticScore("f_score", num_classes=settings.num_classes)
    return metrics.FScore(settings.videos_per_group, settings.frames_per_video)


def _dataset_iou(settings: MetricSettings) -> "Metric | None":
    return metrics.DatasetIoU() if settings.num_classes == 1 else None


def _dataset_fscore(settings: MetricSettings) -> "Metric | None":
    return metrics.DatasetFScore() if settings.num_classes == 1 else None


def _marked(settings: MetricSettings) -> "Metric":
    return metrics.FalsePositiveShare(settings.num_classes)


_BUILT_IN = (
    MetricInfo("miou", "J (mIoU)", per_clip=True, mean_over_clips=True, factory=_miou),
    MetricInfo("frame_miou", "J, mean over frames", factory=_frame_miou),
    # the maximum over thresholds of curves averaged over groups of clips, so not a mean over clips
    MetricInfo("fscore", "F-score", per_clip=True, factory=_fscore),
    MetricInfo("dataset_iou", "IoU, whole set", factory=_dataset_iou),
    MetricInfo("dataset_fscore", "F-score, whole set", factory=_dataset_fscore),
    MetricInfo("marked", "pixels marked", higher_is_better=False, per_clip=True, factory=_marked),
    MetricInfo("g_miou", "G-mIoU"),
    # of models that localise (LVS, MSSL), see `avseg.models.localisation`; no metric of all models
    MetricInfo("threshold_miou", "J, threshold of val", per_clip=True, mean_over_clips=True),
    MetricInfo("ciou", "cIoU@0.5"),
    MetricInfo("ciou_auc", "cIoU AUC"),
    MetricInfo("threshold_ciou", "cIoU@0.5, threshold of val"),
    MetricInfo("threshold_ciou_auc", "cIoU AUC, threshold of val"),
    *map(MetricInfo, LONG_VIDEO_SCORES, LONG_VIDEO_SCORES),  # the key is the title
)
METRICS = {info.key: info for info in _BUILT_IN}


def register_metric(
    key: str,
    title: str,
    factory: Factory,
    *,
    unit: str = PERCENT,
    higher_is_better: bool = True,
    per_clip: bool = False,
    mean_over_clips: bool = False,
) -> MetricInfo:
    """Add a score to result.json, per_clip.csv, metrics.csv, the printed tables and the dashboards.

    The metric's `update(logits, masks, index=...)` receives the frames that carry a label: for one class logits
    (B, T, H, W), or (N, H, W) where only some frames carry one, and masks of that shape (non-zero is sounding); for K
    classes logits (B, T, K, H, W) and masks (B, T, H, W) of class indices. `index` (B,) holds the clips' positions in
    the split. `compute()` returns a scalar over all processes.

    The arguments are the attributes of `MetricInfo`.

    Raises:
        UserError: the key is taken by another metric or cannot be a column name.
    """
    if not re.fullmatch(r"[A-Za-z]\w*", key):
        raise UserError(f"metric '{key}': a key is letters, digits and '_', such as 'boundary_f'; rename it")
    info = MetricInfo(key, title, unit, higher_is_better, per_clip, mean_over_clips and per_clip, factory)
    previous = METRICS.get(key)
    # a plugin that is imported again replaces its own metric
    if previous is not None and getattr(previous.factory, "__module__", None) != factory.__module__:
        raise UserError(f"metric '{key}' is already registered as '{previous.title}'; choose another key")
    METRICS[key] = info
    return info


def registered_metrics(names: Sequence[str] | None = None) -> list[MetricInfo]:
    """Return the scores added by `register_metric`, or those of `names`, in the order of their registration."""
    added = list(METRICS.values())[len(_BUILT_IN) :]
    return [info for info in added if names is None or info.key in names]


def select_metrics(names: Sequence[str] | None = None) -> list[MetricInfo]:
    """Select the scores of a run: all built-in ones, then the registered `names` (config group `metrics`) or all.

    Raises:
        UserError: a name is not registered; the message suggests the nearest.
    """
    allowed = [key for key, info in METRICS.items() if info.factory is not None]
    for name in names or ():
        if name not in allowed:
            raise UserError(
                f"metrics: '{name}' is not registered{nearest(name, allowed)}; use {', '.join(allowed)}, "
                "or load the package that registers it with --plugin"
            )
    return [*_BUILT_IN, *registered_metrics(names)]


def metric_info(key: str) -> MetricInfo:
    """Return the entry of a score; for a key of a plugin that is not loaded, an entry titled by the key.

    `SOUND/KEY` is the score under a control sound, which is a column of per_clip.csv too.

    >>> metric_info("shuffled/miou").title
    'J (mIoU), own, shuffled in time'
    """
    sound, separator, score = key.partition("/")
    if separator and sound in SOUND_TITLES:
        info = metric_info(score)
        return replace(info, key=key, title=f"{info.title}, {SOUND_TITLES[sound]}")
    return METRICS.get(key, MetricInfo(key, key))
