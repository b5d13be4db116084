"""The model contract: what a segmentation model of short clips implements, and what it receives for it.

A model implements either `forward`, or `encode` and `decode` (then the visual half runs once for all sounds of an
evaluation), and `loss`. Optimizer, seeds, scores per split, sound controls, per-clip rows and prediction are here.
See docs/extending/model.md.
"""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from avseg.audio.frontend import NoSound, clip_sound
from avseg.config.schema import ModelConfig, Plain
from avseg.data.avsbench.avss_names import AVSS_NAMES
from avseg.data.clip import Clip
from avseg.metrics.f_score import THRESHOLDS
from avseg.models.distributed_loss import SharedBatch
from avseg.models.experiment import BuildContext, ExperimentModule, Row
from avseg.models.scores import Scores, summarise
from avseg.utils.distributed import all_gather_object
from avseg.utils.errors import UserError
from avseg.utils.finite import NonFinite

__all__ = ["AVSegModule", "BuildContext", "LossTerm", "Losses", "Prediction"]


@dataclass(frozen=True)
class Prediction:
    """Logits (B, T, K, H, W) at the size of the frames, and in `extra` whatever the model's own loss needs.

    `graded` are logits of the same shape for the F-scores, where a model's official code does not threshold the score
    that decides its mask.
    """

    logits: Tensor
    extra: Any = None
    graded: Tensor | None = None


@dataclass(frozen=True)
class LossTerm:
    """A scalar and its factor in the sum.

    `over` is what the value is a mean over, so that several processes train like one: "annotated" (annotated frames),
    "clips" (clips or all their frames), or "sum" for a sum over the batch.
    """

    value: Tensor
    weight: float = 1.0
    over: Literal["annotated", "clips", "sum"] = "annotated"


@dataclass(frozen=True)
class Losses:
    """Named terms; each is logged as train/<name>."""

    terms: Mapping[str, LossTerm] = field(default_factory=dict)

    @property
    def total(self) -> Tensor:
        """The weighted sum."""
        return torch.stack([term.weight * term.value for term in self.terms.values()]).sum()


class AVSegModule(ExperimentModule):
    """Base class of the models of short clips."""

    audio_encoder: nn.Module  # of a model that calls `embed`

    def __init__(self, config: ModelConfig, context: BuildContext) -> None:
        super().__init__(config, context)
        if type(self).forward is AVSegModule.forward and type(self).decode is AVSegModule.decode:
            raise NotImplementedError(f"{type(self).__name__} implements neither forward nor decode")
        self.num_classes = context.setting.num_classes
        self.clip_length = context.setting.clip_length
        self.image_size = int(context.image_size or 224)
        self.videos_per_group = context.preset.videos_per_group
        self.val_scores = self.new_scores()
        self.test_scores = nn.ModuleDict()
        self._clips: dict[int, tuple[str, str]] = {}
        self.watch: NonFinite | None = None  # in an evaluation, see `checked`

    # -- the contract ---------------------------------------------------------------------------------------------

    def forward(self, clip: Clip) -> Prediction:
        """Segment a batch of clips."""
        return self.decode(self.encode_clip(clip), clip)

    def encode(self, frames: Tensor) -> Any:
        """Compute what does not depend on the sound, of frames (B, T, 3, H, W) uint8."""
        return None

    def encode_clip(self, clip: Clip) -> Any:
        """Compute the same of a batch of clips; a model that treats padded frames in its own way overrides it."""
        return self.encode(clip.frames)

    def decode(self, features: Any, clip: Clip) -> Prediction:
        """Segment a batch of clips from the output of `encode`; called once per sound of an evaluation."""
        prediction: Prediction = self(clip)
        return prediction

    def embed(self, sound: Tensor) -> Tensor:
        """Embed items of the front end (B, T, *shape) as (B, T, dim) with `self.audio_encoder`.

        Precomputed embeddings (B, T, dim), of a packed data set, pass.
        """
        assert self.frontend is not None
        embedded = tuple(sound.shape[2:]) != tuple(self.frontend.shape)
        embedding: Tensor = sound if embedded else self.audio_encoder(sound)
        return embedding

    @abstractmethod
    def loss(self, prediction: Prediction, clip: Clip) -> Losses:
        """The terms of the training loss."""

    def forward_training(self, clip: Clip) -> Prediction:
        """The forward pass of a training step; a model may leave out what its loss does not read."""
        prediction: Prediction = self(clip)
        return prediction

    def picture_maps(self, frames: Tensor) -> Mapping[str, Tensor]:
        """Maps (B, T, h, w) in 0 to 1 by name, of frames (B, T, 3, H, W) uint8, to be drawn below a prediction."""
        return {}

    def mask_logits(self, prediction: Prediction) -> Tensor:
        """Logits (B, T, K, H, W) of the masks that `avseg compare` shows and scores."""
        return prediction.logits

    def checked(self, prediction: Prediction, clip: Clip) -> Prediction:
        """Return a prediction of the right shape; raises `UserError` for another, which scores could misread.

        In an evaluation the clips whose logits are not finite are noted, see `avseg.training.divergence`.
        """
        batch, length, _, height, width = clip.frames.shape
        expected = (batch, length, self.num_classes, height, width)
        if tuple(prediction.logits.shape) != expected:
            raise UserError(
                f"{type(self).__name__} returned logits {tuple(prediction.logits.shape)}; expected {expected}: "
                "(B, T, K, H, W) at the size of the frames, K is the number of classes of the data"
            )
        if self.watch is not None:
            self.watch.note(prediction.logits)
        return prediction

    # -- training and validation ----------------------------------------------------------------------------------

    def training_step(self, clip: Clip, batch_index: int) -> Tensor:
        """Compute the loss, log its terms."""
        batch = SharedBatch(clip)
        prediction = self.checked(self.forward_training(clip), clip)
        losses = self.loss(prediction, clip)
        scaled = {name: batch.scale(term.value, term.over) for name, term in losses.terms.items()}
        total = torch.zeros((), device=prediction.logits.device)
        for name, value in scaled.items():
            total = total + losses.terms[name].weight * value
        for name, value in {**scaled, "loss": total}.items():
            self.log(
                f"train/{name}",
                value.detach(),
                batch_size=batch.clips,  # type: ignore[arg-type]  # stays a tensor: no wait for the device
                on_step=False,
                on_epoch=True,
                sync_dist=True,
                prog_bar=name == "loss",
            )
        return total

    def new_scores(self) -> Scores:
        """Empty metrics for one pass over a split."""
        return Scores(self.num_classes, self.clip_length, self.videos_per_group, self.context.metrics)

    def validation_step(self, clip: Clip, batch_index: int) -> None:
        """Score a validation batch."""
        prediction = self.checked(self(clip), clip)
        self.val_scores.update(prediction.logits, clip, prediction.graded)

    def on_validation_epoch_end(self) -> None:
        """Log the scores of the validation split."""
        scores = self.val_scores.compute()
        # the metrics have gathered over all processes, so each process logs the same number
        self.log_dict({f"val/{name}": value for name, value in scores.items()}, sync_dist=False)
        self.val_scores.reset()

    # -- test under every sound -----------------------------------------------------------------------------------

    def on_test_start(self) -> None:
        """Forget an earlier evaluation."""
        self.test_scores = nn.ModuleDict()
        self._clips = {}

    def test_step(self, clip: Clip, batch_index: int) -> None:
        """Score the same frames under their own sound and under every control."""
        features = self.encode_clip(clip)
        for name, sound in {"own": clip.sound, **clip.controls}.items():
            if name not in self.test_scores:
                self.test_scores[name] = self.new_scores().to(self.device)
            prediction = self.checked(self.decode(features, replace(clip, sound=sound)), clip)
            scores: Scores = self.test_scores[name]  # type: ignore[assignment]
            scores.update(prediction.logits, clip, prediction.graded)
        for index, video_id, category in zip(clip.index.tolist(), clip.video_id, clip.category, strict=True):
            self._clips[index] = (video_id, category)

    def on_test_epoch_end(self) -> None:
        """Compute the scores with each sound, and G-mIoU with each control."""
        by_sound = {name: scores.compute() for name, scores in self.test_scores.items()}  # type: ignore[operator]
        self.test_result = summarise(by_sound)
        flat: dict[str, float] = {}
        for sound, scores in self.test_result.items():
            prefix = "test/" if sound == "own" else f"test/{sound}/"
            flat |= {prefix + name: value for name, value in scores.items()}
        self.log_dict(flat, sync_dist=False)

    def rows(self) -> list[Row]:
        """A row per test clip with its scores under every sound; call it on every process."""
        clips: dict[int, tuple[str, str]] = {}
        for share in all_gather_object(dict(self._clips)):
            clips |= share
        rows: list[Row] = []
        for index in sorted(clips):
            video_id, category = clips[index]
            rows.append({"index": index, "video_id": video_id, "category": category})
        for sound, scores in self.test_scores.items():
            by_index = scores.per_clip()  # type: ignore[operator]
            prefix = "" if sound == "own" else f"{sound}/"
            for row in rows:
                row |= {prefix + name: value for name, value in by_index[row["index"]].items()}
        return rows

    def f_curves(self) -> list[Row]:
        """A row per threshold with F under every sound, empty for several classes; call it on every process."""
        curves = {sound: scores.f_curve() for sound, scores in self.test_scores.items()}  # type: ignore[operator]
        if not all(curves.values()):
            return []
        rows: list[Row] = []
        for number, threshold in enumerate(THRESHOLDS.tolist()):
            rows.append({"threshold": threshold, **{sound: curve[number] for sound, curve in curves.items()}})
        return rows

    def result(self, rows: list[Row]) -> dict[str, Plain]:
        """Number of clips, grouping of the F-score, scores by sound."""
        return {"clips": len(rows), "videos_per_group": self.videos_per_group, "scores": self.test_result}

    # -- prediction -----------------------------------------------------------------------------------------------

    def predict_batch(self, frames: Tensor, sound: Tensor) -> Tensor:
        """Compute the probability that a pixel sounds, (B, T, h, w) float32, of frames (B, T, 3, h, w) uint8.

        The frames have the model's size; `sound` is items of the front end, (B, T, *shape) or (B, *shape).
        """
        if self.num_classes > 1:
            return torch.sub(1, self.predict_classes(frames, sound)[:, :, 0])  # class 0 is the background
        return self._predict_logits(frames, sound)[:, :, 0].sigmoid()

    def predict_classes(self, frames: Tensor, sound: Tensor) -> Tensor:
        """Compute the probabilities (B, T, K, h, w) float32 of the K > 1 classes; the rest is as in `predict_batch`."""
        return self._predict_logits(frames, sound).softmax(dim=2)

    def _predict_logits(self, frames: Tensor, sound: Tensor) -> Tensor:
        with torch.inference_mode():
            clip = unlabelled_clip(frames, sound)
            return self.checked(self(clip), clip).logits.float()  # (B, T, K, h, w)

    @property
    def class_names(self) -> list[str]:
        """The names of the K classes by index; those of AVSS for weights that bring none."""
        names = self.labels or (AVSS_NAMES if self.num_classes == len(AVSS_NAMES) else ())
        return [*names, *(f"class_{index}" for index in range(len(names), self.num_classes))]

    def predict_clip(
        self, frames: Tensor | np.ndarray, waveform: Tensor | np.ndarray, sample_rate: int
    ) -> Tensor | np.ndarray:
        """Compute the probability that a pixel sounds, (T, H, W) float32 in [0, 1], for one clip of any frame size.

        Args:
            frames: T frames one second apart, uint8: (T, 3, H, W) as a tensor, or (T, H, W, 3) as an array, which makes
                the result an array too.
            waveform: its sound (n,) or (channels, n), float in [-1, 1].
            sample_rate: in Hz.
        """
        images = torch.from_numpy(frames).movedim(-1, 1) if isinstance(frames, np.ndarray) else frames
        if images.ndim != 4 or images.shape[1] != 3 or images.dtype != torch.uint8:
            raise UserError(
                f"frames {tuple(frames.shape)} {frames.dtype}: give uint8 frames, (T, 3, H, W) as a tensor or "
                "(T, H, W, 3) as an array"
            )
        size = (images.shape[-2], images.shape[-1])
        inner = (self.image_size, self.image_size)
        if size != inner:
            images = F.interpolate(images.float(), inner, mode="bilinear", antialias=True).round().to(torch.uint8)
        frontend = self.frontend or NoSound()
        items = frontend(torch.as_tensor(waveform), sample_rate)
        sound = clip_sound(items, frontend, len(images), len(images), repeat=self.setting.repeat_sound)[None]
        maps = self.predict_batch(images[None].to(self.device), sound.to(self.device))  # (1, T, h, w)
        if size != inner:
            maps = F.interpolate(maps, size, mode="bilinear", align_corners=False)
        return maps[0].cpu().numpy() if isinstance(frames, np.ndarray) else maps[0]


def unlabelled_clip(frames: Tensor, sound: Tensor) -> Clip:
    """A batch of frames (B, T, 3, H, W) and sound without labels."""
    batch, length, _, height, width = frames.shape
    return Clip(
        frames=frames,
        sound=sound,
        masks=torch.zeros(batch, length, height, width, dtype=torch.uint8, device=frames.device),
        annotated=torch.zeros(batch, length, dtype=torch.bool, device=frames.device),
        valid=torch.ones(batch, length, dtype=torch.bool, device=frames.device),
        video_id=[""] * batch,
        category=[""] * batch,
        index=torch.arange(batch, device=frames.device),
    )
