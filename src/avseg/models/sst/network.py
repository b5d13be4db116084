"""A video network around the released attention of SST; everything else was never released (README.md)."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from avseg.models.sst.deeplab import DeepLab
from avseg.models.sst.ensembler import Ensembler, group_norm
from avseg.models.sst.transformer import Layer, positional_encoding


class SSTReconstruction(nn.Module):
    """Segment the object of interest of a clip without a reference mask. The reconstruction has the defaults.

    Args:
        backbone: a residual network of timm.
        channels: width of the transformer.
        width: narrow width of the decoder.
        features: width of the features behind the backbone.
        heads: of the attention.
        layers: of the transformer; with three every cell reaches every other one.
        pretrained: weights of the backbone, see `DeepLab`.

    Raises:
        UserError: weights that are not available.
    """

    def __init__(
        self,
        backbone: str = "resnet101",
        channels: int = 128,
        width: int = 256,
        features: int = 256,
        heads: int = 8,
        layers: int = 3,
        pretrained: bool | str = False,
    ) -> None:
        super().__init__()
        self.feature_extracter = DeepLab(backbone, features, pretrained)
        self.semantic_embedding = nn.Sequential(
            nn.Conv2d(features, features, 3, padding=1, groups=features),
            group_norm(features),
            nn.ReLU(),
            nn.Conv2d(features, channels, 1),
            group_norm(channels),
            nn.ReLU(),
        )
        self.layers = nn.ModuleList(Layer(channels, heads) for _ in range(layers))
        self.head = 4 * channels
        self.decoder = Ensembler(2 * channels, self.feature_extracter.low_channels, self.head, width)
        self.decoder.IA_final_bg.requires_grad_(False)  # only several objects need it

    def forward(self, frames: Tensor) -> Tensor:
        """Compute logits (B, T, 1, H, W) of frames (B, T, 3, H, W) normalised as by `normalise`."""
        features, low = self.feature_extracter(frames.flatten(0, 1))  # (B * T, features, h, w), h = H / 4
        embedding = self.semantic_embedding(features)  # (B * T, C, h, w)
        x = embedding.unflatten(0, frames.shape[:2]).transpose(1, 2)  # (B, C, T, h, w)
        x = x + positional_encoding(x)
        for layer in self.layers:
            x = layer(x)
        x = torch.cat((x.transpose(1, 2).flatten(0, 1), embedding), 1)  # (B * T, 2 C, h, w)
        logits = self.decoder(x, low, x.new_zeros(len(x), self.head))  # (B * T, 1, h, w)
        logits = F.interpolate(logits, frames.shape[-2:], mode="bilinear", align_corners=True)
        return logits.unflatten(0, frames.shape[:2])  # type: ignore[no-untyped-call, no-any-return]


def instance_head(embeddings: Tensor, masks: Tensor) -> Tensor:
    """Describe an object by mean embeddings on and off its masks: of CFBI, for videos with a reference mask.

    Args:
        embeddings: (M, N, C, h, w) of M frames: the reference, then the previous frame.
        masks: (M, N, h, w), 1 on each of N objects.

    Returns:
        (N, 2 * M * C): on and off the object in the first frame, then in the next.
    """
    outputs: list[Tensor] = []
    for embedding, mask in zip(embeddings, masks, strict=True):
        for marked in (mask, 1 - mask):
            total = (embedding * marked[:, None]).sum((2, 3))  # (N, C)
            outputs.append(total / (marked.sum((1, 2))[:, None] + 1e-5))
    return torch.cat(outputs, 1)
