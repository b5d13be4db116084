"""The typed schema of the group `branch`: the strong baseline of LU-AVS (CVPR 2024) and what it leaves open.

The paper publishes neither code nor these values; the defaults are this project's, and are printed beside results.
"""

from dataclasses import dataclass, field, fields
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from avseg.utils.errors import UserError

BRANCHES = ("none", "mask", "box", "audio", "tpavi", "strong_mask", "strong_box")
COMPOSED = ("strong_mask", "strong_box")


@dataclass
class SilentConf:
    """The silent-object-aware loss, see `avseg.models.lu_avs.silent_loss`."""

    # soft, ignore, teacher (a frozen COCO detector, see BranchConf.teacher), off
    mode: str = "soft"
    no_object_weight: float = 0.1
    duplicate_iou: float = 0.5
    gamma: float = 1.0
    tau: float = 0.5
    floor: float = 0.05
    # epochs
    warmup: float = 1.0
    sounding_elsewhere: bool = False
    teacher_iou: float = 0.5
    teacher_score: float = 0.7


@dataclass
class AggregationConf:
    """Which region is kept when, see `avseg.models.lu_avs.aggregation`."""

    mode: str = "product"
    keep: str = "best"
    threshold: float = 0.0


@dataclass
class SmoothingConf:
    """From probabilities of each second to intervals, see `avseg.models.lu_avs.activity`."""

    median: float = 3.0
    threshold: float = 0.5
    min_run: float = 1.0
    min_gap: float = 1.0


@dataclass
class ScoreConf:
    """What the four scores mean, see `avseg.metrics.LongVideoScore`."""

    unit: str = "video_class"
    fp_policy: str = "zero"
    beta2: float = 0.3
    drop_empty_gt: bool = True
    gate_only_counts: bool = False
    merge_classes: bool = False
    empty_video: str = "skip"
    m_tIoU: str = "gt_range"
    # null: "first_to_last" for a visual branch alone (as in the paper), "regions" else
    predicted_range: str | None = None


@dataclass
class BranchConf:
    """One branch of the strong baseline, or a composition of two finished ones."""

    name: str = "none"
    # visual branches: the network, see `avseg.models.lu_avs.presets`
    model: str = ""
    # false, true (COCO weights from the hub), or the path of a folder or file with them
    pretrained: Any = False
    # null: the optimizer's rate for all
    backbone_lr: float | None = None
    silent: SilentConf = field(default_factory=SilentConf)
    # for silent.mode=teacher: true (the COCO weights of `model`), a folder or a hub name; with COCO's own classes
    teacher: Any = None
    # audio branch: "mlp" (128 -> hidden -> classes) or "two_heads" (class and presence)
    heads: str = "mlp"
    hidden: int = 128
    pos_weight: float = 1.0
    aggregation: AggregationConf = field(default_factory=AggregationConf)
    smoothing: SmoothingConf = field(default_factory=SmoothingConf)
    score: ScoreConf = field(default_factory=ScoreConf)
    # composition: words that turn the own command into those of the two runs; their ids and commands follow from it
    visual: list[str] = field(default_factory=list)
    audio: list[str] = field(default_factory=list)
    visual_run: str | None = None
    visual_command: str | None = None
    audio_run: str | None = None
    audio_command: str | None = None


def unsaid_choices() -> dict[str, dict[str, Any]]:
    """What an evaluation may choose otherwise than the training did, all of it left as it was (null)."""
    choices = {"aggregation": AggregationConf, "smoothing": SmoothingConf, "score": ScoreConf}
    return {topic: {item.name: None for item in fields(kind)} for topic, kind in choices.items()}


def said_choices(choices: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Those that are not null."""
    said = {topic: {k: v for k, v in values.items() if v is not None} for topic, values in choices.items()}
    return {topic: values for topic, values in said.items() if values}


def choose(branch: dict[str, Any], choices: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """A branch with some choices made anew.

    Args:
        branch: of a training configuration, plain values.
        choices: as `unsaid_choices`; null keeps the branch's own.

    Raises:
        UserError: a value of the wrong type.
    """
    said = said_choices(choices)
    own = {topic: branch[topic] for topic in choices}
    try:
        merged = OmegaConf.to_container(OmegaConf.merge(OmegaConf.structured(BranchConf), own, said))
    except OmegaConfBaseException as error:
        raise UserError(f"branch.{error.full_key}: {str(error).splitlines()[0]}") from error
    assert isinstance(merged, dict)
    return branch | {topic: merged[topic] for topic in choices}
