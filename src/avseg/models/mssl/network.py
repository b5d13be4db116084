"""The network of MSSL: classes of image and sound, and the features of each class (Qian et al., ECCV 2020).

It is the authors' simplified version (folder `new` of their repository), which they recommend.
"""

from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from avseg.models.mssl.localisation import class_confidence, divide_by_maximum, weighted_average
from avseg.nn.resnet18 import ResNet18
from avseg.nn.unused_weights import UnusedWeights

INPUT_SIZE = 256
ClassFilter = Literal["official", "single"]
_EPSILON = 1e-10  # the official one, of a sum of class weights


class MSSLOutput(NamedTuple):
    """Inputs of the losses, of N pairs and K classes; the fine features are None in the coarse stage."""

    pair_logits: Tensor  # (N, N, 2), rows are sounds, columns images; class 1 is the same pair
    audio_logits: Tensor  # (N, K)
    image_logits: Tensor  # (N, K)
    audio_fine: Tensor | None = None  # (N, 128, K), of length 1 along the channels
    image_fine: Tensor | None = None


class Projection(nn.Module):
    """Two layers without bias on the channels (N, C, P), and the result scaled to length 1."""

    def __init__(self, channels: int, hidden: int, out: int) -> None:
        super().__init__()
        self.wide = nn.Conv1d(channels, hidden, 1, bias=False)
        self.narrow = nn.Conv1d(hidden, out, 1, bias=False)

    def forward(self, features: Tensor) -> Tensor:
        """Project (N, C, P) to (N, out, P)."""
        return functional.normalize(self.narrow(self.wide(features).relu()), dim=1)


class MSSL(nn.Module):
    """Images (N, 3, 256, 256) and log-mel spectrograms (N, 1, T, 64) to classes, fine features and maps.

    Args:
        num_classes: of the coarse labels, 7 in the paper.
        width: channels of the encoders' first stage, 64 in the paper.

    Example:
        >>> import torch
        >>> network = MSSL(num_classes=3, width=2).eval()
        >>> images, log_mel = torch.rand(2, 3, 64, 64), torch.rand(2, 1, 51, 64)
        >>> network(images, log_mel).audio_fine.shape
        torch.Size([2, 128, 3])
        >>> network.localise(images, log_mel).shape
        torch.Size([2, 64, 64])
    """

    def __init__(self, num_classes: int = 7, width: int = 64) -> None:
        super().__init__()
        channels = 8 * width
        self.num_classes = num_classes
        self.image_encoder = ResNet18(3, width)
        self.audio_encoder = ResNet18(1, width)
        self.pair_hidden = nn.Linear(2 * channels, 128)
        self.pair_out = nn.Linear(128, 2)
        self.audio_projection = Projection(channels, 2 * channels, 128)
        self.image_projection = Projection(channels, 2 * channels, 128)
        self.audio_classes = nn.Conv2d(channels, num_classes, 1, bias=False)
        self.image_classes = nn.Conv2d(channels, num_classes, 1, bias=False)
        self.unused = UnusedWeights()

    def forward(self, images: Tensor, log_mel: Tensor, *, fine: bool = True) -> MSSLOutput:
        """Compare N images with N sounds; without `fine` as in the first, coarse stage."""
        return self.compare(self.image_encoder(images), self.audio_encoder(log_mel), fine=fine)

    def compare(self, image_map: Tensor, audio_map: Tensor, *, fine: bool = True) -> MSSLOutput:
        """Compute the output from the encoders' maps (N, C, h, w) and (N, C, h', w')."""
        audio, image = audio_map.mean((2, 3)), image_map.mean((2, 3))  # (N, C)
        coarse = (
            self.match(audio, image),
            self._classify(self.audio_classes, audio),
            self._classify(self.image_classes, image),
        )
        if not fine:
            return MSSLOutput(*coarse)
        return MSSLOutput(*coarse, self.fine_audio(audio_map), self.fine_image(image_map))

    def match(self, audio: Tensor, image: Tensor) -> Tensor:
        """Compute the logits (N, M, 2) of every sound (N, C) with every image (M, C)."""
        rows = audio[:, None].expand(-1, len(image), -1)  # (N, M, C)
        columns = image[None].expand(len(audio), -1, -1)
        logits: Tensor = self.pair_out(self.pair_hidden(torch.cat([rows, columns], dim=2)).relu())
        return logits

    def fine_audio(self, audio_map: Tensor) -> Tensor:
        """Compute the feature of each class of sounds, (N, C, h, w) to (N, 128, K)."""
        features: Tensor = self.audio_projection(_class_features(audio_map, self.activation(audio_map, "audio")))
        return features

    def fine_image(self, image_map: Tensor) -> Tensor:
        """Compute the feature of each class of images, (N, C, h, w) to (N, 128, K)."""
        features: Tensor = self.image_projection(_class_features(image_map, self.activation(image_map, "image")))
        return features

    def activation(self, features: Tensor, modality: Literal["audio", "image"]) -> Tensor:
        """Compute class activation maps (N, K, h, w) of a map (N, C, h, w)."""
        classes = self.audio_classes if modality == "audio" else self.image_classes
        activation: Tensor = classes(features).relu()
        return activation

    def similarity(self, image_map: Tensor, fine_audio: Tensor) -> Tensor:
        """Compute the similarity (N, K, h, w) of every pixel of (N, C, h, w) with each class of sound (N, 128, K)."""
        return self.cosine(image_map, fine_audio).relu()

    def cosine(self, image_map: Tensor, fine_audio: Tensor) -> Tensor:
        """Compute the same with its sign, in [-1, 1]."""
        pixels = self.image_projection(image_map.flatten(2))  # (N, 128, h * w)
        similar = torch.einsum("ndp,ndk->nkp", pixels, fine_audio)
        return similar.reshape(*similar.shape[:2], *image_map.shape[-2:])

    def classify_audio(self, audio_map: Tensor) -> Tensor:
        """Compute the class logits (N, K) of a sound's map (N, C, h, w)."""
        return self._classify(self.audio_classes, audio_map.mean((2, 3)))

    def classify_image(self, image_map: Tensor) -> Tensor:
        """Compute the class logits (N, K) of an image's map (N, C, h, w)."""
        return self._classify(self.image_classes, image_map.mean((2, 3)))

    def localise(self, images: Tensor, log_mel: Tensor, class_filter: ClassFilter = "official") -> Tensor:
        """Compute the map of the sound's classes, (N, H, W) at the size of the images, 1 at its maximum.

        `class_filter` is "official", where a second sigmoid lets every class pass, or "single", the intended one. A
        sound without any similar pixel gives zeros (the official code: NaN).
        """
        audio_map, image_map = self.audio_encoder(log_mel), self.image_encoder(images)
        return self.localise_maps(image_map, audio_map, (images.shape[-2], images.shape[-1]), class_filter)

    def localise_maps(
        self, image_map: Tensor, audio_map: Tensor, size: tuple[int, int], class_filter: ClassFilter = "official"
    ) -> Tensor:
        """Compute the same from the encoders' maps."""
        average = self.average_map(image_map, audio_map, class_filter)
        # enlarging commutes with the average
        enlarged = functional.interpolate(average[:, None], size, mode="bilinear", align_corners=False)
        return divide_by_maximum(enlarged[:, 0])

    def average_map(self, image_map: Tensor, audio_map: Tensor, class_filter: ClassFilter = "official") -> Tensor:
        """Compute the map of the sound's classes (N, h, w) at the size of the image map, not divided."""
        similarity = self.similarity(image_map, self.fine_audio(audio_map))  # (N, K, h, w)
        return weighted_average(similarity.float(), class_confidence(self.classify_audio(audio_map), class_filter))

    def average_cosine(self, image_map: Tensor, audio_map: Tensor, class_filter: ClassFilter = "official") -> Tensor:
        """Compute the same of similarities with their signs, which have a gradient everywhere."""
        cosine = self.cosine(image_map, self.fine_audio(audio_map))  # (N, K, h, w)
        return weighted_average(cosine.float(), class_confidence(self.classify_audio(audio_map), class_filter))

    @staticmethod
    def _classify(classes: nn.Module, pooled: Tensor) -> Tensor:
        logits: Tensor = classes(pooled[..., None, None])
        return logits[..., 0, 0]


def _class_features(features: Tensor, activation: Tensor) -> Tensor:
    """Average a map (N, C, h, w) under the activation (N, K, h, w) of each class, (N, C, K).

    The activation passes no gradient. As in the official code it is a mean over a sum, hw times too small.
    """
    weights = activation.detach()
    weighted = torch.einsum("nchw,nkhw->nck", features, weights) / (features.shape[-2] * features.shape[-1])
    return weighted / (weights.sum((2, 3)) + _EPSILON)[:, None]
