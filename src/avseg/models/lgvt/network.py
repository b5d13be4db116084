"""The LGVT network: saliency of an image, given a noise vector. It knows neither time nor sound.

Zhang et al., "Learning Generative Vision Transformer with Energy-Based Latent Space for Saliency Prediction", NeurIPS
2021.
"""

import torch
from torch import Tensor, nn

from avseg.models.lgvt.decoder import Decoder
from avseg.models.lgvt.encoder import SwinSize, SwinTaps
from avseg.models.lgvt.energy import Energy
from avseg.nn.unused_weights import UnusedWeights

IMAGE_SIZE = 384
NOISE = 32


class Reduce(nn.Module):
    """A 3x3 convolution and a batch norm."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, width, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(width)

    def forward(self, tap: Tensor, passes: int = 1) -> Tensor:
        """Reduce (N, C, h, h) to `width` channels; in training the norm counts the images `passes` times."""
        x = self.conv(tap)
        reduced: Tensor = self.norm(x)
        if self.training:
            with torch.no_grad():
                for _ in range(passes - 1):
                    self.norm(x)
        return reduced


class LGVT(nn.Module):
    """Segment the salient objects of square images. The published model has the defaults.

    Args:
        image_size: side of the images in pixels, fixed by the position tables of the encoder.
        swin: sizes of the encoder.
        width: channels of the decoder, and numbers of a noise vector.
        drop_path: largest rate of stochastic depth of the encoder in training.
        pretrained: weights of the encoder, see `SwinTaps.load_pretrained`.

    Raises:
        UserError: weights that are not available.
    """

    def __init__(
        self,
        image_size: int = IMAGE_SIZE,
        swin: SwinSize | None = None,
        width: int = NOISE,
        drop_path: float = 0.1,
        pretrained: bool | str = False,
    ) -> None:
        super().__init__()
        swin = swin or SwinSize()
        self.image_size = image_size
        self.noise = width
        self.encoder = SwinTaps(image_size, swin, drop_path)
        self.reduce = nn.ModuleList()
        for channels in swin.tap_channels:
            self.reduce.append(Reduce(channels, width))
        self.noise_conv = nn.Conv2d(2 * width, width, 1)
        self.decoder = Decoder(width)
        self.energy = Energy(width)
        self.unused = UnusedWeights()
        self.encoder.load_pretrained(pretrained)

    def forward(self, images: Tensor, z: Tensor) -> Tensor:
        """Compute logits (N, 1, H, H) of images (N, 3, H, H) normalised as by `normalise` and z (N, noise, 1, 1)."""
        return self.decode(self.encode(images), z)

    def encode(self, images: Tensor, passes: int = 1) -> list[Tensor]:
        """Compute five maps (N, width, h, h), which do not depend on z, of images (N, 3, H, H).

        The published code runs the whole network for each step of the sampling, so that the batch norms count the same
        images once per pass. `passes` is their number: maps are computed once, statistics updated `passes` times.
        """
        maps: list[Tensor] = []
        for reduce, tap in zip(self.reduce, self.encoder(images), strict=True):
            maps.append(reduce(tap, passes))
        return maps

    def decode(self, maps: list[Tensor], z: Tensor) -> Tensor:
        """Compute logits (N, 1, H, H) of the maps of `encode` and z (N, noise, 1, 1) or (N, noise)."""
        deepest = maps[-1]
        noise = z.flatten(1)[..., None, None].expand(-1, -1, *deepest.shape[2:])
        mixed = self.noise_conv(torch.cat((deepest, noise), 1))  # (N, width, h, h)
        logits: Tensor = self.decoder([*maps[:-1], mixed])
        return logits
