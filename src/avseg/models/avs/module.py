"""The AVS model in training and evaluation (ECCV 2022, section 4.3; the official recipe)."""

from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor, nn

from avseg.config.instantiate import instantiate
from avseg.data.clip import Clip
from avseg.models.avs.loss import AudioVisualMappingLoss, MaskLoss
from avseg.models.avs.network import AVSModel, AVSOutput
from avseg.models.distributed_loss import SharedBatch
from avseg.models.scores import Scores, summarise
from avseg.nn.normalise import normalise

# the optimizers that torch has in one kernel for all weights
FUSED = ("torch.optim.Adam", "torch.optim.AdamW")


class AVSTask(pl.LightningModule):
    """Trains an `AVSModel` and scores it, also under sounds that are not its own.

    Args:
        config: the resolved training configuration, plain values; it travels in every checkpoint.
        net: the model.
        audio_encoder: maps patches (B, T, 1, 96, 64) to (B, T, 128).
    """

    monitor = "val/miou"

    def __init__(self, config: dict[str, Any], net: AVSModel, audio_encoder: nn.Module) -> None:
        super().__init__()
        self.config = config
        self.net = net
        self.audio_encoder = audio_encoder
        loss = config["loss"]
        self.mask_loss = MaskLoss()
        self.mapping_loss = AudioVisualMappingLoss(
            loss["mapping_stages"], loss["mapping_form"], loss["mapping_pairing"]
        )
        self.num_classes = int(config["data"]["num_classes"])
        self.clip_length = 10 if config["data"]["setting"] == "avss" else 5
        self.image_size = int(config["data"]["image_size"])
        self.hop = str(config["data"]["hop"])
        self.videos_per_group: int | None = 4
        self.val_scores = self._scores()
        self.test_scores = nn.ModuleDict()
        self.test_result: dict[str, dict[str, float]] = {}
        self._clips: dict[int, tuple[str, str]] = {}

    def _scores(self) -> Scores:
        return Scores(self.num_classes, self.clip_length, self.videos_per_group)

    def embed(self, sound: Tensor) -> Tensor:
        """Patches (B, T, 1, 96, 64) to (B, T, 128); precomputed embeddings (B, T, 128) pass."""
        embedding: Tensor = sound if sound.ndim == 3 else self.audio_encoder(sound)
        return embedding

    def _valid(self, clip: Clip) -> Tensor | None:
        # only AVSS pads its clips; elsewhere the multiplication by one is spared
        return clip.valid if self.num_classes > 1 else None

    def forward(self, clip: Clip, decode_mask: Tensor | None = None) -> AVSOutput:
        """Run the model on clips with their own sound; logits of the frames in `decode_mask` (B, T), or of all."""
        frames, sound = normalise(clip.frames), self.embed(clip.sound)
        output: AVSOutput = self.net(frames, sound, valid=self._valid(clip), decode_mask=decode_mask)
        return output

    def predict_clip(self, frames: Tensor, audio: Tensor) -> Tensor:
        """Probability that a pixel sounds.

        Args:
            frames: (B, T, 3, H, W) uint8.
            audio: (B, T, 1, 96, 64) log-mel patches.

        Returns:
            (B, T, H, W) in [0, 1].
        """
        with torch.inference_mode():
            logits: Tensor = self.net(normalise(frames), self.embed(audio)).logits.float()
        if self.num_classes == 1:
            return logits[:, :, 0].sigmoid()
        return torch.sub(1, logits.softmax(dim=2)[:, :, 0])  # class 0 is the background

    def training_step(self, clip: Clip, batch_index: int) -> Tensor:
        """Mask loss plus lambda times L_AVM."""
        batch, weight = SharedBatch(clip), self.config["loss"]["mapping_weight"]
        # the mask loss reads annotated frames alone, in S4 one of five, and L_AVM the logits of all
        output = self(clip, None if weight else clip.annotated)
        mask = batch.mean_over_annotated(self.mask_loss(output.logits, clip.masks, clip.annotated))
        loss = mask
        if weight:
            mapping = self.mapping_loss(output.logits, output.visual_maps, output.audio_maps, clip.annotated)
            if self.num_classes > 1:
                mapping = batch.mean_over_annotated(mapping)
            elif self.mapping_loss.form == "kl":
                mapping = batch.sum_over_clips(mapping)
            else:
                mapping = batch.mean_over_clips(mapping)
            loss = mask + weight * mapping
            self._log("train/mapping_loss", mapping, batch)
        self._log("train/mask_loss", mask, batch)
        self._log("train/loss", loss, batch)
        return loss

    def _log(self, name: str, value: Tensor, batch: SharedBatch) -> None:
        self.log(
            name,
            value.detach(),
            batch_size=batch.clips,  # type: ignore[arg-type]  # a tensor, which need not be waited for
            on_step=False,
            on_epoch=True,
            sync_dist=True,
            prog_bar=name == "train/loss",
        )

    def on_train_epoch_start(self) -> None:
        """Draws (dropout) depend on the seed and the epoch alone, so that a resumed run equals a straight one."""
        torch.manual_seed(self.config["seed"] * 100_003 + self.current_epoch * 1_009 + self.global_rank)

    def validation_step(self, clip: Clip, batch_index: int) -> None:
        """Scores a validation batch."""
        output = self(clip)
        self.val_scores.update(output.logits, clip)

    def on_validation_epoch_end(self) -> None:
        """J and F of the validation split."""
        # the metrics have gathered over all processes already, so each process logs the same number
        self.log_dict({f"val/{name}": value for name, value in self.val_scores.compute().items()}, sync_dist=False)
        self.val_scores.reset()

    def on_test_start(self) -> None:
        """Forgets an earlier evaluation."""
        self.test_scores, self._clips = nn.ModuleDict(), {}

    def test_step(self, clip: Clip, batch_index: int) -> None:
        """Scores the same pictures under their own sound and under every control."""
        features = self.net.encode(normalise(clip.frames))
        size = (clip.frames.shape[-2], clip.frames.shape[-1])
        for name, sound in {"own": clip.sound, **clip.controls}.items():
            if name not in self.test_scores:
                self.test_scores[name] = self._scores().to(self.device)
            logits = self.net.decode(features, self.embed(sound), size, valid=self._valid(clip)).logits
            self.test_scores[name].update(logits, clip)  # type: ignore[operator]
        for index, video_id, category in zip(clip.index.tolist(), clip.video_id, clip.category, strict=True):
            self._clips[index] = (video_id, category)

    def on_test_epoch_end(self) -> None:
        """Sums up: J and F with the own sound; J-, F-, false-positive share and G-mIoU with each control."""
        self.test_result = summarise({name: scores.compute() for name, scores in self.test_scores.items()})  # type: ignore[operator]
        flat = {f"test/{key}": value for key, value in self.test_result["own"].items()}
        for name in self.test_result.keys() - {"own"}:
            flat |= {f"test/{name}/{key}": value for key, value in self.test_result[name].items()}
        self.log_dict(flat, sync_dist=False)

    def per_clip(self) -> list[dict[str, Any]]:
        """A row per test clip with its scores under every sound; call on every process."""
        clips = dict(self._clips)
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            parts: list[Any] = [None] * torch.distributed.get_world_size()
            torch.distributed.all_gather_object(parts, clips)
            clips = {index: name for part in parts for index, name in part.items()}
        rows: list[dict[str, Any]] = [
            {"index": i, "video_id": clips[i][0], "category": clips[i][1]} for i in sorted(clips)
        ]
        for sound, scores in self.test_scores.items():
            by_index = scores.per_clip()  # type: ignore[operator]
            prefix = "" if sound == "own" else f"{sound}/"
            for row in rows:
                row.update({prefix + key: value for key, value in by_index[row["index"]].items()})
        return rows

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Adam at 1e-4 without a schedule, in the paper."""
        settings = {key: value for key, value in self.config["optimizer"].items() if key != "options"}
        # with a gradient scaler Lightning could not clip
        if settings["_target_"] in FUSED and not str(self.config["trainer"].get("precision")).startswith("16"):
            settings["fused"] = True
        trained = [parameter for parameter in self.parameters() if parameter.requires_grad]
        optimizer: torch.optim.Optimizer = instantiate(
            {**settings, **self.config["optimizer"]["options"]}, params=trained
        )
        return optimizer

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """With the configuration (plain values) a checkpoint alone is enough to rebuild its model."""
        checkpoint["avseg"] = {"config": self.config}
