"""Log media of a run to the dashboard: fixed validation clips during training, a table and videos of test clips."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback

from avseg.audio.log_mel import read_wav
from avseg.data.clip import Clip
from avseg.data.dataset import ClipDataset
from avseg.draw.overlay import Colour, Overlay
from avseg.draw.palette import SOUNDING, TRUTH
from avseg.media.video_writer import make_clip_video
from avseg.metrics import mask_iou
from avseg.models.base import AVSegModule
from avseg.models.experiment import Row
from avseg.runs import RunDirectory
from avseg.training.wandb_logger import RunLogger, panels
from avseg.utils.csv_files import read_rows
from avseg.utils.iteration import evenly_spaced

if TYPE_CHECKING:
    import wandb

_MIN_SIDE = 128  # pixels; smaller images are enlarged
_NAMES = ("index", "video_id", "category")  # the columns of per_clip.csv that are not scores


class Dashboard(Callback):
    """Logs media to the wandb run, on the first process; the logger's settings are how much is shown."""

    def __init__(self, logger: RunLogger, run: RunDirectory) -> None:
        self.logger = logger
        self.settings = logger.settings
        self.run = run
        self._clips: list[Clip] = []  # the validation clips, read once

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Log the fixed clips with both masks, and the panel of the epoch."""
        epoch = trainer.current_epoch
        if not trainer.is_global_zero or trainer.sanity_checking:
            return
        with self.logger.safely():
            media = panels(self.run, epoch)
            due = (epoch + 1) % self.settings.every_n_epochs == 0 or epoch + 1 == trainer.max_epochs
            if due and isinstance(pl_module, AVSegModule):
                media |= self._validation_clips(pl_module, trainer.datamodule.dataset("val"))  # type: ignore[attr-defined]
            self.logger.log_epoch(epoch, media)

    def _validation_clips(self, model: AVSegModule, dataset: ClipDataset) -> dict[str, Any]:
        if not self._clips:
            # sorted by id, so that they stay the same whatever the order of the index file
            indices = sorted(range(len(dataset)), key=lambda index: dataset.entries[index].name)
            self._clips = list(map(dataset.__getitem__, evenly_spaced(indices, self.settings.clips)))
        labels = class_labels(dataset)
        images = [mask_image(predict_shown_clip(model, clip), labels) for clip in self._clips]
        return {"val/clips": images} if images else {}

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Log test clips in a table and as videos, and the epoch of the tested checkpoint."""
        if not isinstance(pl_module, AVSegModule):
            return
        rows = pl_module.rows()  # gathers, so every process calls it
        if not trainer.is_global_zero:
            return
        with self.logger.safely():
            self.logger.experiment.summary.update(best_epoch(self.run))
            dataset = trainer.datamodule.dataset("test")  # type: ignore[attr-defined]
            with tempfile.TemporaryDirectory() as folder, self.logger.staging():
                media: dict[str, Any] = {}
                if table := clip_table(pl_module, dataset, hardest(rows, self.settings.table)):
                    media["test/clips"] = table
                chosen = evenly_spaced(rows, self.settings.videos)
                if videos := clip_videos(pl_module, dataset, chosen, Path(folder)):
                    media["test/videos"] = videos
                if media:
                    self.logger.experiment.log(media)


@dataclass(eq=False)
class ShownClip:
    """A clip of the T seconds that exist, with what the model marks in it."""

    name: str
    category: str  # the class that sounds; empty where the data set has none
    frames: np.ndarray  # (T, H, W, 3) uint8
    truth: np.ndarray  # (T, H, W) uint8, 1 = sounding (AVSS: class indices)
    prediction: np.ndarray  # (T, H, W) uint8, like `truth`
    score: float  # J of sounding or not, mean over the seconds, between 0 and 1

    @property
    def caption(self) -> str:
        """Name, category and J in per cent."""
        return " · ".join(filter(None, (self.name, self.category, f"J {100 * self.score:.1f}")))


def predict_shown_clip(model: AVSegModule, clip: Clip) -> ShownClip:
    """Run the model, which is in evaluation mode, on a clip (a batch of one) with its own sound."""
    with torch.inference_mode():
        logits = model(clip.to(model.device)).logits[0].float().cpu()  # (T, K, H, W)
    valid = clip.valid[0]  # AVSS pads short clips with black frames
    marked = logits[:, 0].sigmoid() > 0.5 if model.num_classes == 1 else logits.argmax(1)
    prediction = marked.to(torch.uint8)[valid]
    truth = clip.masks[0, valid]
    sounding = torch.where(prediction > 0, 1.0, -1.0)
    return ShownClip(
        name=clip.video_id[0],
        category=clip.category[0],
        frames=_enlarged(clip.frames[0, valid].permute(0, 2, 3, 1).numpy()),
        truth=_enlarged(truth.numpy()),
        prediction=_enlarged(prediction.numpy()),
        score=float(mask_iou(sounding, truth).mean()),
    )


def mask_image(clip: ShownClip, labels: dict[int, str]) -> "wandb.Image":
    """Return the seconds next to each other, with two layers of masks to switch on and off."""
    import wandb

    masks = {
        "prediction": {"mask_data": _side_by_side(clip.prediction), "class_labels": labels},
        "ground_truth": {"mask_data": _side_by_side(clip.truth), "class_labels": labels},
    }
    return wandb.Image(_side_by_side(clip.frames), caption=clip.caption, masks=masks, file_type="jpg")


def class_labels(dataset: ClipDataset) -> dict[int, str]:
    """Return the names of the values of a mask."""
    return dict(enumerate(dataset.class_names or ("background", "sounding")))


def clip_table(model: AVSegModule, dataset: ClipDataset, rows: Sequence[Row]) -> "wandb.Table | None":
    """Make a row per clip: id, category, the seconds with masks, the sound, and its scores under every sound."""
    import wandb

    if not rows:
        return None
    scores = [name for name in rows[0] if name not in _NAMES]
    extra = [] if "miou" in scores else ["sounding_miou"]  # AVSS has no score per clip
    labels = class_labels(dataset)
    lines: list[list[Any]] = []
    for row in rows:
        clip = predict_shown_clip(model, dataset[row["index"]])
        wav = dataset.sound_file(row["index"])
        sound = wandb.Audio(str(wav)) if wav else None  # the release also has clips with log-mel files alone
        line = [clip.name, clip.category, mask_image(clip, labels), sound, *map(row.__getitem__, scores)]
        lines.append(line + [clip.score] * len(extra))
    return wandb.Table(["clip", "category", "seconds", "sound", *scores, *extra], lines)


def clip_videos(model: AVSegModule, dataset: ClipDataset, rows: Sequence[Row], folder: Path) -> "list[wandb.Video]":
    """Write clips that have a wav as MP4 with their sound: the truth on the left, the prediction on the right."""
    import wandb

    videos: list[wandb.Video] = []
    for row in rows:
        wav = dataset.sound_file(row["index"])
        if wav is None:
            continue
        clip = predict_shown_clip(model, dataset[row["index"]])
        waveform, rate = read_wav(wav)
        semantic = model.num_classes > 1  # classes have colours of their own
        left = _painted(clip.frames, clip.truth, None if semantic else TRUTH)
        right = _painted(clip.frames, clip.prediction, None if semantic else SOUNDING)
        path = folder / f"{row['index']}.mp4"
        # (T, H, 2 W, 3)
        make_clip_video(np.concatenate([left, right], axis=2), waveform.numpy(), path, sample_rate=rate)
        videos.append(wandb.Video(str(path), caption=f"{clip.caption} (left: truth, right: prediction)"))
    return videos


def _painted(frames: np.ndarray, masks: np.ndarray, tint: Colour | None) -> np.ndarray:
    painted = np.empty_like(frames)  # (T, H, W, 3)
    for second, mask in enumerate(masks):
        painted[second] = Overlay(mask, tint).on(frames[second])
    return painted


def hardest(rows: Sequence[Row], count: int) -> list[Row]:
    """Select half of `count` from the lowest J up, the rest evenly spaced; without J (AVSS) all evenly spaced."""
    ranked = sorted(rows, key=lambda row: row.get("miou", 0.0))
    lowest = min(len(ranked), count) // 2 if "miou" in (ranked or [{}])[0] else 0
    return ranked[:lowest] + evenly_spaced(ranked[lowest:], count - lowest)


def best_epoch(run: RunDirectory) -> dict[str, float]:
    """Return the epoch and the score of the best checkpoint, for the summary."""
    rows = [row for row in read_rows(run.metrics) if row.get("val/miou")]
    if not rows:
        return {}
    best = max(rows, key=lambda row: float(row["val/miou"]))  # the first of equals, like the checkpoint
    return {"best/epoch": int(best["epoch"]), "best/val/miou": float(best["val/miou"])}


def _side_by_side(images: np.ndarray) -> np.ndarray:
    """Join (T, H, W, ...) to (H, T * W, ...)."""
    return np.concatenate(list(images), axis=1)


def _enlarged(images: np.ndarray) -> np.ndarray:
    """Enlarge small images (T, H, W, ...) by a whole factor."""
    factor = -(-_MIN_SIDE // images.shape[1])
    return images.repeat(factor, axis=1).repeat(factor, axis=2)
