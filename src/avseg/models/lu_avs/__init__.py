"""The strong baseline of LU-AVS (CVPR 2024): visual branches, an audio branch, and their aggregation."""

from avseg.models.lu_avs.activity import Smoothing, SoundActivity, sound_activity
from avseg.models.lu_avs.aggregation import Aggregation, RegionPrediction, aggregate
from avseg.models.lu_avs.audio_branch import AudioBranch
from avseg.models.lu_avs.box_branch import BoxBranch
from avseg.models.lu_avs.groups import appearance_groups, group_names
from avseg.models.lu_avs.mask_branch import MaskBranch
from avseg.models.lu_avs.param_groups import param_groups
from avseg.models.lu_avs.queries import QueryOutput, to_corners, to_pixels
from avseg.models.lu_avs.spans import Spans

__all__ = [
    "Aggregation",
    "AudioBranch",
    "BoxBranch",
    "MaskBranch",
    "QueryOutput",
    "RegionPrediction",
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
