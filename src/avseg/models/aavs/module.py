"""AAVS in training, evaluation and prediction (Stepping-Stones, ECCV 2024; the official recipe)."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, Self

import torch
from torch import Tensor, nn

from avseg.config.schema import OptimizerConfig
from avseg.data.clip import Clip
from avseg.models.aavs.config import AAVSConfig
from avseg.models.aavs.decoder import PixelFeatures, QueryLayer
from avseg.models.aavs.loss import WEIGHTS, QueryMaskLoss, seeded
from avseg.models.aavs.network import AAVS, PRESETS, class_maps, maps_to_logits
from avseg.models.aavs.phases import (
    first_epoch_of_second_phase,
    freeze_pretrained,
    restart,
    set_lr,
    swin_adapter_parameters,
)
from avseg.models.aavs.weights import load_official, to_official
from avseg.models.base import AVSegModule, BuildContext, Losses, LossTerm, Prediction
from avseg.nn.cpu_kernels import use_fast_products
from avseg.nn.normalise import normalise
from avseg.utils.errors import UserError

STAGE1 = "stage1"


class Encoded(NamedTuple):
    """The visual half of both stages; `stage1` is the output of its model's `encode`, None in the binary form."""

    features: PixelFeatures
    stage1: Any = None


class AAVSModule(AVSegModule):
    """Trains AAVS; the AVSS form contains a finished model of sounding or not, whose masks it reads."""

    config: AAVSConfig

    def __init__(self, config: AAVSConfig, context: BuildContext) -> None:
        super().__init__(config, context)
        assert self.frontend is not None
        weights = config.pretrained if context.pretrained else False
        self.net = AAVS(self.num_classes, config.network, config.queries, self.frontend.dim, weights)
        use_fast_products(self.net)
        if config.trains == "adapters":
            freeze_pretrained(self.net)
        self.audio_encoder = self.make_audio_encoder()
        points = PRESETS[config.network].get("train_num_points", 12544)
        self.query_loss = QueryMaskLoss(max(self.num_classes, 2), points)
        self.stage1 = self._stage1_model()

    # -- stage 1 --------------------------------------------------------------------------------------------------

    def _stage1_model(self) -> AVSegModule | None:
        model = self.context.parts.get(STAGE1)
        if model is None:
            return None
        path = self.config.stage1
        if not isinstance(model, AVSegModule) or model.num_classes != 1:
            raise UserError(f"model.stage1={path} is model={model.config.name}; give one of sounding or not (S4, MS3)")
        if model.context.audio != self.context.audio:
            raise UserError(
                f"model.stage1={path} reads its sound as {model.context.audio}, this model as {self.context.audio}; "
                "both get the same sound: choose the same audio group"
            )
        return model.eval().requires_grad_(False)

    def train(self, mode: bool = True) -> Self:
        """Set the mode; the model of stage 1 stays in evaluation mode."""
        super().train(mode)
        if self.stage1 is not None:
            self.stage1.eval()
        return self

    def _stage1_masks(self, encoded: Any, clip: Clip) -> Tensor | None:
        """Segment the clip with the model of stage 1: (B, T, H, W), 1 where something sounds."""
        if self.num_classes == 1:
            return None
        if self.stage1 is None:
            raise UserError("this AAVS of classes has no stage-1 model; convert or train it with model.stage1=RUN")
        with torch.no_grad():
            return (self.stage1.decode(encoded, clip).logits[:, :, 0] > 0).float()

    # -- prediction -----------------------------------------------------------------------------------------------

    def encode(self, frames: Tensor) -> Encoded:
        """Pixel features of frames (B, T, 3, H, W) uint8, for both stages."""
        if self.stage1 is None:
            return Encoded(self._encode(frames))
        with torch.no_grad():
            stage1 = self.stage1.encode(frames)
        return Encoded(self._encode(frames), stage1)

    def _encode(self, frames: Tensor) -> PixelFeatures:
        return self.net.encode(normalise(frames.flatten(0, 1)))

    def decode(self, features: Encoded, clip: Clip) -> Prediction:
        """Segment with the sound of `clip`, and the stage-1 masks that follow from it."""
        layers = self._decode(features.features, clip, self._stage1_masks(features.stage1, clip), auxiliary=False)
        return self._prediction(layers, clip)

    def _decode(
        self, features: PixelFeatures, clip: Clip, stage1: Tensor | None, *, auxiliary: bool
    ) -> list[QueryLayer]:
        masks = None if stage1 is None else stage1.flatten(0, 1)  # (B * T, H, W)
        return self.net.decode(features, self.embed(clip.sound).flatten(0, 1), masks, auxiliary=auxiliary)

    def _prediction(self, layers: list[QueryLayer], clip: Clip) -> Prediction:
        maps = class_maps(layers[-1], (clip.frames.shape[-2], clip.frames.shape[-1]))  # (B * T, L, H, W)
        shape = (*clip.frames.shape[:2], -1, *maps.shape[-2:])
        logits = maps_to_logits(maps).view(shape)  # (B, T, K, H, W)
        # the official F-score thresholds the sigmoid of 2 s1 - s0, not the difference that decides the mask
        graded = None
        if self.num_classes == 1:
            graded = (2 * maps[:, 1:] - maps[:, :1]).view(shape)
        return Prediction(logits, layers, graded)

    # -- training -------------------------------------------------------------------------------------------------

    def forward_training(self, clip: Clip) -> Prediction:
        """Predict with the predictions of all layers, from true stage-1 masks.

        In S4 the first frame alone has a mask: it is trained with the sound of every second, as in the authors' code.
        """
        length = clip.frames.shape[1]
        if self.setting.first_frame_only:
            features = self._encode(clip.frames[:, :1])
            features = PixelFeatures(
                features.mask_features.repeat_interleave(length, dim=0),
                tuple(level.repeat_interleave(length, dim=0) for level in features.levels),
            )
        else:
            features = self._encode(clip.frames)
        stage1 = (clip.masks > 0).float() if self.num_classes > 1 else None
        layers = self._decode(features, clip, stage1, auxiliary=True)
        with torch.no_grad():
            return self._prediction(layers, clip)

    def loss(self, prediction: Prediction, clip: Clip) -> Losses:
        """The mean over the clips of each one's loss, as with one clip per step; a silent clip counts as 0."""
        layers: list[QueryLayer] = prediction.extra
        annotated, masks = clip.annotated, clip.masks
        if self.setting.first_frame_only and self.training:
            annotated = annotated[:, :1].expand_as(annotated)
            masks = masks[:, :1].expand_as(masks)
        zero = torch.stack([values.sum() for values in layers[-1]]).sum() * 0  # keeps the graph, as DDP needs it
        sums = dict.fromkeys(WEIGHTS, zero)
        clips = layers[-1].class_logits.new_zeros(())
        length = masks.shape[1]
        for position, index in enumerate(clip.index.tolist()):
            frames = annotated[position].nonzero()[:, 0]  # (n,)
            clips = clips + (len(frames) > 0)
            labels = masks[position, frames]  # (n, H, W)
            if self.num_classes == 1:
                labels = (labels != 0).to(torch.uint8)
            if not len(frames) or (self.num_classes == 1 and not labels.any()):
                continue
            rows = position * length + frames
            selected = [QueryLayer(layer.class_logits[rows], layer.mask_logits[rows]) for layer in layers]
            # points depend on seed, epoch and clip alone, whatever the process or the batch
            with seeded(self.seed * 1_000_003 + self.current_epoch * 10_007 + index, self.device):
                terms = self.query_loss(selected, labels)
            sums = {name: sums[name] + value for name, value in terms.items()}
        terms = {}
        for name, value in sums.items():
            terms[f"{name}_loss"] = LossTerm(value / clips.clamp(min=1), WEIGHTS[name], over="clips")
        return Losses(terms)

    @property
    def seed(self) -> int:
        """The seed of the run; 0 outside of one."""
        return self.fit_options.seed if self.fit_options is not None else 0

    # -- the two phases -------------------------------------------------------------------------------------------

    @property
    def second_phase(self) -> int:
        """The first epoch of the second phase; 0 without a first one."""
        return first_epoch_of_second_phase(self.trainer.max_epochs, self.config.warmup_share or 0)

    def frozen_parameters(self, epoch: int) -> Iterable[nn.Parameter]:
        """The Swin adapters in the first phase."""
        return swin_adapter_parameters(self.net) if epoch < self.second_phase else ()

    def on_train_epoch_start(self) -> None:
        """Begin a phase."""
        super().on_train_epoch_start()
        assert self.fit_options is not None
        optimizer: OptimizerConfig | None = self.fit_options.optimizer
        assert optimizer is not None
        if self.current_epoch == 0 and self.second_phase > 0:
            for parameter in swin_adapter_parameters(self.net):
                nn.init.zeros_(parameter)
            set_lr(self.trainer.optimizers, self.config.warmup_lr)
        elif self.current_epoch == self.second_phase > 0:
            restart(self, self.net, optimizer.lr, self.seed)

    # -- weights --------------------------------------------------------------------------------------------------

    def import_weights(self, official: Mapping[str, Tensor]) -> None:
        """Load weights of the authors' code."""
        load_official(self.net, official)

    def export_weights(self) -> dict[str, Tensor]:
        """The network's weights with the names of the authors' code."""
        return to_official(self.net)
