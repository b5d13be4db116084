"""The scores of audio-visual segmentation, one idea per file: a function for one batch, a metric for a whole split.

The metrics keep integer counts for every frame and sort them before they compute. So a score is the same, to the last
digit, for every batch size, order of clips and number of processes.

The classes are loaded on first use: tables and dashboards read titles from `avseg.metrics.registry` without torch.
"""

from typing import TYPE_CHECKING

from avseg.utils.lazy import lazy_names

if TYPE_CHECKING:
    from avseg.metrics.dataset import DatasetFScore, DatasetIoU
    from avseg.metrics.f_score import FScore, fscore, fscore_curve
    from avseg.metrics.iou import MaskIoU, mask_iou
    from avseg.metrics.localisation import (
        BestThreshold,
        SuccessAUC,
        SuccessRate,
        consensus_iou,
        success_auc,
        success_rate,
    )
    from avseg.metrics.long_video import LongVideoScore
    from avseg.metrics.long_video_regions import box_overlap, mask_overlap
    from avseg.metrics.robustness import FalsePositiveShare, false_positive_share, g_miou
    from avseg.metrics.semantic import SemanticScore

__all__ = [
    "BestThreshold",
    "DatasetFScore",
    "DatasetIoU",
    "FScore",
    "FalsePositiveShare",
    "LongVideoScore",
    "MaskIoU",
    "SemanticScore",
    "SuccessAUC",
    "SuccessRate",
    "box_overlap",
    "consensus_iou",
    "false_positive_share",
    "fscore",
    "fscore_curve",
    "g_miou",
    "mask_iou",
    "mask_overlap",
    "success_auc",
    "success_rate",
]

__getattr__ = lazy_names(
    __name__,
    {
        "dataset": ("DatasetFScore", "DatasetIoU"),
        "f_score": ("FScore", "fscore", "fscore_curve"),
        "iou": ("MaskIoU", "mask_iou"),
        "localisation": (
            "BestThreshold",
            "SuccessAUC",
            "SuccessRate",
            "consensus_iou",
            "success_auc",
            "success_rate",
        ),
        "long_video": ("LongVideoScore",),
        "long_video_regions": ("box_overlap", "mask_overlap"),
        "robustness": ("FalsePositiveShare", "false_positive_share", "g_miou"),
        "semantic": ("SemanticScore",),
    },
)
