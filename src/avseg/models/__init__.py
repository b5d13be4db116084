"""The networks, in plain torch."""

from avseg.models.avs import AVSModel, AVSOutput
from avseg.models.mel_statistics import MelStatistics
from avseg.models.normalise import IMAGENET_MEAN, IMAGENET_STD, normalise
from avseg.models.tpavi import TPAVI
from avseg.models.vggish import VGGish

__all__ = ["IMAGENET_MEAN", "IMAGENET_STD", "TPAVI", "AVSModel", "AVSOutput", "MelStatistics", "VGGish", "normalise"]
