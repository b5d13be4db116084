"""The network of LVS: cosine similarity of every pixel with the sound (Chen et al., CVPR 2021, section 3)."""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from avseg.nn.resnet18 import ResNet18
from avseg.nn.unused_weights import UnusedWeights

EPSILON_POSITIVE = 0.65  # similarity from which a pixel counts as sounding
EPSILON_NEGATIVE = 0.4  # and below which it counts as background
TAU = 0.03  # width of both thresholds
TEMPERATURE = 0.07
OWN_PAIR = 100.0  # taken from the similarity of a pair with itself, which is no negative


class LVSOutput(NamedTuple):
    """Similarity of each image with its own sound, the two masks of its pixels, and the logits of the loss."""

    similarity: Tensor  # (B, 1, h, w), cosine
    positive: Tensor  # (B, 1, h, w), in [0, 1]
    negative: Tensor  # (B, 1, h, w), in [0, 1]
    logits: Tensor  # (B, B + 2), or (B, B + 1) without hard negatives; class 0 is right


class LVS(nn.Module):
    """Images (B, 3, H, W) and spectrograms (B, 1, 257, frames), both normalised, to similarity maps.

    Args:
        width: channels of the encoders' first stage, 64 in the paper.
        trimap: leave pixels between both thresholds out; without, what is not positive is negative.
        hard_negatives: count the background of an image as a negative of its own sound.

    Example:
        >>> import torch
        >>> output = LVS(width=2)(torch.rand(2, 3, 32, 32), torch.rand(2, 1, 257, 40))
        >>> output.similarity.shape, output.logits.shape
        (torch.Size([2, 1, 2, 2]), torch.Size([2, 4]))
    """

    def __init__(self, width: int = 64, *, trimap: bool = True, hard_negatives: bool = True) -> None:
        super().__init__()
        self.trimap = trimap
        self.hard_negatives = hard_negatives
        self.image_encoder = ResNet18(3, width)
        self.audio_encoder = ResNet18(1, width)
        self.unused = UnusedWeights()

    def forward(self, images: Tensor, spectrograms: Tensor) -> LVSOutput:
        """Compare every image with every sound of the batch."""
        return self.compare(self.image_encoder(images), self.audio_encoder(spectrograms))

    def compare(self, image_map: Tensor, audio_map: Tensor) -> LVSOutput:
        """Compute the output from the encoders' maps (B, C, h, w) and (B, C, h', w')."""
        return compare(image_map, audio_map, trimap=self.trimap, hard_negatives=self.hard_negatives)

    def localise(self, image_map: Tensor, audio_map: Tensor) -> Tensor:
        """Compute the similarity (B, h, w) of images with their own sounds alone."""
        with torch.autocast(image_map.device.type, enabled=False):
            pixels, sounds = _normalised(image_map, audio_map)
            return torch.einsum("bchw,bc->bhw", pixels, sounds)


def compare(image_map: Tensor, audio_map: Tensor, *, trimap: bool = True, hard_negatives: bool = True) -> LVSOutput:
    """Compute similarity, masks and logits of the maps of B pairs, in float32 also under autocast.

    The gradient flows through the masks. Where no pixel has a weight the weighted mean is 0 (the official code: NaN).
    """
    with torch.autocast(image_map.device.type, enabled=False):
        pixels, sounds = _normalised(image_map, audio_map)
        pairs = torch.einsum("ichw,jc->ijhw", pixels, sounds)  # (B, B, h, w)
        count = len(pairs)
        # the diagonal of `pairs`, rounded as in the official code
        matched = torch.einsum("bchw,bc->bhw", pixels, sounds).unsqueeze(1)  # (B, 1, h, w)
        positive = ((matched - EPSILON_POSITIVE) / TAU).sigmoid()
        negative = 1 - ((matched - EPSILON_NEGATIVE) / TAU).sigmoid() if trimap else 1 - positive
        mismatched = _weighted_mean(pairs, ((pairs - EPSILON_POSITIVE) / TAU).sigmoid())  # (B, B)
        mismatched = mismatched * (1 - OWN_PAIR * torch.eye(count, device=pairs.device))
        columns = [_weighted_mean(matched, positive), mismatched]
        if hard_negatives:
            columns.append(_weighted_mean(matched, negative))
        logits = torch.cat(columns, dim=1) / TEMPERATURE  # (B, B + 2)
        return LVSOutput(matched, positive, negative, logits)


def _normalised(image_map: Tensor, audio_map: Tensor) -> tuple[Tensor, Tensor]:
    pixels = functional.normalize(image_map.float(), dim=1)  # (B, C, h, w)
    sounds = functional.normalize(audio_map.float().amax((2, 3)), dim=1)  # (B, C)
    return pixels, sounds


def _weighted_mean(values: Tensor, weights: Tensor) -> Tensor:
    """Average over pixels, (A, B, h, w) to (A, B)."""
    sums = weights.sum((2, 3))
    # of similarities near -1 a sum is 1e-23, so it has no other lower bound
    return (values * weights).sum((2, 3)) / torch.where(sums > 0, sums, 1.0)
