"""LGVT in training, evaluation and prediction; frames are images without time, and no sound is read."""

import math
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from avseg.data.clip import Clip
from avseg.models.base import AVSegModule, BuildContext, Losses, LossTerm, Prediction
from avseg.models.lgvt.config import LGVTConfig
from avseg.models.lgvt.encoder import SwinSize
from avseg.models.lgvt.langevin import STEPS, sample_posterior, sample_prior
from avseg.models.lgvt.loss import energy_loss, structure_loss
from avseg.models.lgvt.network import LGVT
from avseg.models.lgvt.schedule import rate_factor
from avseg.models.lgvt.uncertainty import Uncertainty, uncertainty
from avseg.models.lgvt.weights import load_official, to_official
from avseg.nn.normalise import normalise


class Images(NamedTuple):
    """Features that do not depend on the noise, of the frames of B clips."""

    maps: list[Tensor]  # of `LGVT.encode`, B * T images
    noise: Tensor  # (samples, 1 + STEPS, B * T, noise, 1, 1): start and steps of the sampling
    batch: tuple[int, int]


class TrainingOutput(NamedTuple):
    """Inputs of the losses: N annotated frames at the inner size."""

    logits: Tensor  # (N, 1, H, H)
    masks: Tensor  # (N, 1, H, H), soft
    prior: Tensor  # (N, 1), energies
    posterior: Tensor


class LGVTModule(AVSegModule):
    """Trains an `LGVT` with the structure loss and its energy with the difference of energies.

    The two published optimizers are one here: no parameter has a gradient of both losses.
    """

    config: LGVTConfig

    def __init__(self, config: LGVTConfig, context: BuildContext) -> None:
        super().__init__(config, context)
        self.net = LGVT(
            config.inner_size,
            SwinSize(config.dim, config.depths, config.heads, config.window),
            config.width,
            config.drop_path,
            config.pretrained if context.pretrained else False,
        )

    # -- evaluation -----------------------------------------------------------------------------------------------

    def encode(self, frames: Tensor) -> Images:
        """Encode frames (B, T, 3, H, W) uint8 and draw their noise, which is the same under every sound."""
        maps = self.net.encode(self._inner(frames.flatten(0, 1)))
        noise = [clip_noise(clip, self.config.samples, self.net.noise) for clip in frames]
        return Images(maps, torch.cat(noise, 2), (frames.shape[0], frames.shape[1]))

    def decode(self, features: Images, clip: Clip) -> Prediction:
        """Segment; the sound of `clip` is not read."""
        draws = list(self._draws(features))
        # of several draws the mean probability, of one its logits as they are
        logits = draws[0] if len(draws) == 1 else torch.stack(draws).sigmoid().mean(0).logit(eps=1e-6)
        size = clip.frames.shape[-2:]
        logits = F.interpolate(logits, size, mode="bilinear", align_corners=False)
        return Prediction(logits.unflatten(0, features.batch))  # type: ignore[no-untyped-call]

    def _draws(self, features: Images) -> Iterator[Tensor]:
        """Logits (B * T, 1, H, H) of each sample."""
        for start, *steps in features.noise:
            z = sample_prior(self.net.energy, start, steps)
            yield self.net.decode(features.maps, z)

    def uncertainty(self, frames: Tensor, samples: int = 10) -> Uncertainty:
        """Compute maps (B, T, H, W) of the uncertainty of frames (B, T, 3, H, W) uint8 from several noise vectors."""
        with torch.inference_mode():
            images = self.encode(frames)
            noise = [clip_noise(clip, samples, self.net.noise) for clip in frames]
            draws = torch.stack(list(self._draws(images._replace(noise=torch.cat(noise, 2)))))
            maps = F.interpolate(draws.sigmoid().flatten(0, 1), frames.shape[-2:], mode="bilinear", align_corners=False)
            return uncertainty(maps.view(samples, *images.batch, *frames.shape[-2:]))

    def picture_maps(self, frames: Tensor) -> Mapping[str, Tensor]:
        """Uncertainty of the prediction relative to its largest value, and ten times the part that the noise causes."""
        maps = self.uncertainty(frames)
        return {"uncertainty": maps.predictive * math.e, "noise (x 10)": (maps.epistemic * 10 * math.e).clamp(0, 1)}

    # -- training -------------------------------------------------------------------------------------------------

    def forward_training(self, clip: Clip) -> Prediction:
        """Sample noise with and without the masks of the annotated frames, and decode them with the former."""
        # a process without an annotated frame computes the others, whose loss is scaled by zero
        chosen = clip.annotated if clip.annotated.any() else torch.ones_like(clip.annotated)
        images = self._inner(clip.frames[chosen])  # (N, 3, H, H)
        masks = self._resize(clip.masks[chosen][:, None].float())
        maps = self.net.encode(images, passes=STEPS + 1)
        posterior, prior = self._sample(maps, masks)
        logits = self.net.decode(maps, posterior)
        output = TrainingOutput(logits, masks, self.net.energy(prior), self.net.energy(posterior))
        outer = F.interpolate(logits.detach(), clip.frames.shape[-2:], mode="bilinear", align_corners=False)
        everything = outer.new_zeros(*chosen.shape, *outer.shape[1:])
        return Prediction(everything.index_put((chosen,), outer), output)

    def _sample(self, maps: list[Tensor], masks: Tensor) -> tuple[Tensor, Tensor]:
        """Draw z+ and z- (N, noise, 1, 1), the random numbers in the published order."""
        shape = (len(masks), self.net.noise, 1, 1)
        draws = [torch.randn(shape, device=masks.device) for _ in range(2 + 2 * STEPS)]
        start_posterior, start_prior, *steps = draws
        detached = [item.detach() for item in maps]
        prior = sample_prior(self.net.energy, start_prior, steps[:STEPS])
        posterior = sample_posterior(
            lambda z: self.net.decode(detached, z), self.net.energy, masks, start_posterior, steps[STEPS:]
        )
        return posterior, prior

    def loss(self, prediction: Prediction, clip: Clip) -> Losses:
        """Structure loss of the generator, and energy of posterior less that of prior samples."""
        output: TrainingOutput = prediction.extra
        return Losses(
            {
                "structure_loss": LossTerm(structure_loss(output.logits, output.masks)),
                "energy_loss": LossTerm(energy_loss(output.posterior, output.prior)),
            }
        )

    def learning_rate_factor(self, epoch: int, step: int) -> float:
        """The published schedule: halved after every epoch from the 20th on, twice after the 20th."""
        return rate_factor(epoch, self.config.full_rate_epochs)

    # -- images and weights ---------------------------------------------------------------------------------------

    def _inner(self, frames: Tensor) -> Tensor:
        return self._resize(normalise(frames))

    def _resize(self, images: Tensor) -> Tensor:
        size = (self.config.inner_size, self.config.inner_size)
        if tuple(images.shape[-2:]) == size:
            return images
        return F.interpolate(images, size, mode="bilinear", align_corners=False)

    def import_weights(self, official: Mapping[str, Tensor]) -> None:
        """Load official weights of the generator, of the energy, or of both."""
        load_official(self.net, official)

    def export_weights(self) -> dict[str, Tensor]:
        """The weights with official names."""
        return to_official(self.net)


def clip_noise(frames: Tensor, samples: int, noise: int) -> Tensor:
    """Draw (samples, 1 + STEPS, T, noise, 1, 1) for frames (T, 3, H, W).

    Seeded by the frames alone, so that neither batch nor sound nor device change a prediction.
    """
    generator = torch.Generator().manual_seed(int(frames.sum(dtype=torch.int64)))
    return torch.randn(samples, 1 + STEPS, len(frames), noise, 1, 1, generator=generator).to(frames.device)
