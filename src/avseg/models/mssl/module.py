"""MSSL in training, evaluation and prediction."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from torch import Tensor
from torch.nn import functional

from avseg.audio.frontend import FrontEnd
from avseg.config.schema import AudioConfig, ModelConfig
from avseg.data.clip import Clip
from avseg.models.base import BuildContext, Losses, LossTerm, Prediction
from avseg.models.localisation.base import EncodedFrames, LocalisationModule, no_prediction
from avseg.models.localisation.frames import sounds_of
from avseg.models.localisation.scores import above_half, map_logits
from avseg.models.mssl.config import MSSLConfig
from avseg.models.mssl.frontend import WideLogMel
from avseg.models.mssl.labels import PredictedLabels, category_labels
from avseg.models.mssl.localisation import divide_by_maximum
from avseg.models.mssl.loss import coarse_loss, fine_loss, pair_loss, supervised_loss
from avseg.models.mssl.network import MSSL, MSSLOutput
from avseg.models.mssl.weights import load_official, to_official


class MSSLTraining(NamedTuple):
    """Inputs of the losses of a training step, of P pairs and N annotated frames."""

    output: MSSLOutput
    labels: tuple[Tensor, Tensor] | None  # (P, K) of sounds and images
    cosine: Tensor  # (N, h, w), averaged over classes; none in the coarse stage or if self-supervised
    masks: Tensor  # (N, H, W)


class MSSLModule(LocalisationModule):
    """Trains an `MSSL` in two stages by its own losses, or with masks too (`supervised`)."""

    config: MSSLConfig
    net: MSSL
    rule_name = "map above 0.5"

    def __init__(self, config: MSSLConfig, context: BuildContext) -> None:
        super().__init__(config, context)
        self.net = MSSL(config.classes, config.width)
        if config.pretrained is not False and context.pretrained:
            self.net.image_encoder.load_imagenet(config.pretrained)
        self._labeller: list[PredictedLabels] = []  # a list, so that it is no part of the weights

    @staticmethod
    def rule(maps: Tensor) -> Tensor:
        """Mark the pixels above 0.5."""
        return above_half(maps)

    @classmethod
    def make_frontend(cls, config: ModelConfig, audio: AudioConfig | None) -> FrontEnd:
        """The log-mel spectrogram at 22,050 Hz."""
        assert isinstance(config, MSSLConfig)
        return WideLogMel(config.sound_scope, config.sound_seconds, peak=config.peak)

    def prepare_fit(self) -> None:
        """Read the network that labels the clips."""
        if self.config.labels_from is not None:
            file = Path(self.config.labels_from).expanduser()
            self._labeller = [PredictedLabels.read(file, self.config.classes, self.config.width)]

    @property
    def coarse(self) -> bool:
        """True in the epochs of the first stage."""
        return self.current_epoch < self.config.coarse_epochs

    def localise(self, image_map: Tensor, audio_map: Tensor, size: tuple[int, int]) -> Tensor:
        """Compute logits (N, H, W) of the maps, at the network's size first as in the official test."""
        inner = self.config.input_size
        network_size = size if inner is None else (inner, inner)
        maps = self.net.localise_maps(image_map, audio_map, network_size, self.config.class_filter)
        if network_size != size:
            smaller = functional.interpolate(maps[:, None], size, mode="bilinear", align_corners=False)[:, 0]
            maps = divide_by_maximum(smaller)
        return map_logits(maps)

    def forward_training(self, clip: Clip) -> Prediction:
        """Encode the frames that the losses read, and compare one of each clip with all sounds."""
        encoded = self.encode_training(clip, 1.0)
        image_map, masks = encoded.image_map, encoded.masks
        output = self.net.compare(image_map[encoded.chosen.paired], encoded.audio_map, fine=not self.coarse)
        labels = self._labels(clip, encoded)
        if self.config.supervised and not self.coarse:
            frame_sound = self.sound_of_frames(clip, encoded)
            cosine = self.net.average_cosine(image_map, frame_sound, self.config.class_filter)  # (N, h, w)
        else:
            cosine, masks = image_map[:0, 0], masks[:0]
        return Prediction(no_prediction(clip), MSSLTraining(output, labels, cosine, masks))

    def _labels(self, clip: Clip, encoded: EncodedFrames) -> tuple[Tensor, Tensor] | None:
        chosen, images = encoded.chosen, encoded.images
        if self._labeller:
            return self._labeller[0](images[chosen.paired], sounds_of(clip, chosen, per_frame=self.per_frame))
        categories = [clip.category[index] for index in chosen.clips[chosen.paired].tolist()]
        # only the supervised form is trained without labels
        if self.config.supervised and not any(categories):
            return None
        labels = category_labels(categories, self.config.categories, images.device)
        return labels, labels

    def loss(self, prediction: Prediction, clip: Clip) -> Losses:
        """The coarse losses, in the second stage the fine ones, and the supervised one."""
        training: MSSLTraining = prediction.extra or self.forward_training(clip).extra
        if training.labels is None:
            values = {"pair_loss": pair_loss(training.output.pair_logits)}
        else:
            values = coarse_loss(training.output, *training.labels)
        if training.output.audio_fine is not None:
            values |= fine_loss(training.output)
        terms = {name: LossTerm(value, over="clips") for name, value in values.items()}
        if self.config.supervised and not self.coarse:
            terms["mask_loss"] = LossTerm(supervised_loss(training.cosine, training.masks), self.config.mask_weight)
        return Losses(terms)

    def on_train_epoch_start(self) -> None:
        """Begin the second stage as the authors do: with its learning rate and a new optimizer."""
        super().on_train_epoch_start()
        assert self.fit_options is not None
        assert self.fit_options.optimizer is not None
        if self.coarse:
            return
        for optimizer in self.trainer.optimizers:
            if self.current_epoch == self.config.coarse_epochs:
                optimizer.state.clear()
            for group in optimizer.param_groups:
                group["lr"] = self.fit_options.optimizer.lr * self.config.fine_lr_factor

    def validation_step(self, clip: Clip, batch_index: int) -> None:
        """Score a batch, but not in the first stage, which does not localise."""
        if not self.coarse:
            super().validation_step(clip, batch_index)

    def on_validation_epoch_end(self) -> None:
        """Log the scores, 0 in the first stage, so that none of its epochs is the best."""
        if self.coarse:
            self.log_dict({f"val/{name}": 0.0 for name in self.val_scores.metrics}, sync_dist=False)
        else:
            super().on_validation_epoch_end()

    def import_weights(self, official: Mapping[str, Tensor]) -> None:
        """Load weights of the authors' code."""
        load_official(self.net, official)

    def export_weights(self) -> dict[str, Tensor]:
        """The network's weights with the authors' names."""
        return to_official(self.net)
