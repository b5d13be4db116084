"""The strong baseline of LU-AVS (CVPR 2024): what is seen, what is heard, and both together."""

from avseg.models.strong_baseline.activity import Smoothing, SoundActivity, sound_activity
from avseg.models.strong_baseline.aggregation import Aggregation, Prediction, aggregate
from avseg.models.strong_baseline.audio_branch import AudioBranch
from avseg.models.strong_baseline.box_branch import BoxBranch
from avseg.models.strong_baseline.groups import appearance_groups, group_names
from avseg.models.strong_baseline.mask_branch import MaskBranch
from avseg.models.strong_baseline.queries import QueryOutput
from avseg.models.strong_baseline.recipe import Recipe, param_groups
from avseg.models.strong_baseline.regions import to_corners, to_pixels
from avseg.models.strong_baseline.spans import Spans

__all__ = [
    "Aggregation",
    "AudioBranch",
    "BoxBranch",
    "MaskBranch",
    "Prediction",
    "QueryOutput",
    "Recipe",
    "Smoothing",
    "SoundActivity",
    "Spans",
    "aggregate",
    "appearance_groups",
    "group_names",
    "param_groups",
    "sound_activity",
    "to_corners",
    "to_pixels",
]
