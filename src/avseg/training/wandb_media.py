"""What a run shows in the dashboard: fixed validation clips as it learns; at the end test clips to look at and hear."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytorch_lightning as pl
import torch
import wandb
from pytorch_lightning.callbacks import Callback

from avseg.audio.log_mel import read_wav
from avseg.data.avsbench.avss import class_names
from avseg.data.avsbench.dataset import AVSBenchDataset
from avseg.data.clip import Clip
from avseg.draw.overlay import Overlay
from avseg.draw.palette import SOUNDING, TRUTH
from avseg.media.video_writer import make_clip_video
from avseg.metrics import mask_iou
from avseg.models.avs.module import AVSTask
from avseg.runs import RunDirectory
from avseg.training.wandb_logger import RunLogger, panels
from avseg.utils.csv_files import read_rows

_LOOKABLE = 128  # pixels; smaller pictures are enlarged
_NAMES = ("index", "video_id", "category")  # the columns of per_clip.csv that are no scores
Item = TypeVar("Item")


class Dashboard(Callback):
    """Logs media to the wandb run, on the first process.

    Args:
        logger: the run's logger; it says how much is shown.
        run: the run directory.
    """

    def __init__(self, logger: RunLogger, run: RunDirectory) -> None:
        self.logger = logger
        self.run = run
        self._clips: list[Clip] = []  # the validation clips, read once

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Shows the fixed clips with both masks, and the picture of the epoch."""
        epoch = trainer.current_epoch
        if not trainer.is_global_zero or trainer.sanity_checking:
            return
        with self.logger.safely():
            media = panels(self.run, epoch)
            due = (epoch + 1) % self.logger.every_n_epochs == 0 or epoch + 1 == trainer.max_epochs
            if due and isinstance(pl_module, AVSTask):
                media |= self._validation_clips(pl_module, trainer.datamodule.dataset("val"))  # type: ignore[attr-defined]
            self.logger.log_epoch(epoch, media)

    def _validation_clips(self, task: AVSTask, dataset: AVSBenchDataset) -> dict[str, Any]:
        if not self._clips:
            # by their ids, so that they stay the same whatever the order of the index file
            places = sorted(range(len(dataset)), key=lambda place: dataset.entries[place].name)
            self._clips = [dataset[place] for place in spread(places, self.logger.clips)]
        labels = class_labels(dataset)
        return {"val/clips": [image(look(task, clip), labels) for clip in self._clips]} if self._clips else {}

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Shows test clips in a table and as videos; names the epoch of the checkpoint that was tested."""
        if not isinstance(pl_module, AVSTask):  # scores per clip are of its kind
            return
        rows = pl_module.per_clip()  # gathers, so every process calls it
        if not trainer.is_global_zero:
            return
        with self.logger.safely():
            self.logger.experiment.summary.update(best_epoch(self.run))
            dataset = trainer.datamodule.dataset("test")  # type: ignore[attr-defined]
            with tempfile.TemporaryDirectory() as folder, self.logger.staging():
                media = {
                    "test/clips": table(pl_module, dataset, hardest(rows, self.logger.table)),
                    "test/videos": videos(pl_module, dataset, spread(rows, self.logger.videos), Path(folder)),
                }
                if media := {name: value for name, value in media.items() if value}:
                    self.logger.experiment.log(media)


@dataclass(eq=False)
class Seen:
    """A clip and what the model marks in it.

    Attributes:
        name: the clip's id.
        category: what sounds; empty where the data set does not say.
        frames: (T, H, W, 3) uint8, the seconds that exist.
        truth: (T, H, W) uint8, 1 = sounding (AVSS: class indices).
        prediction: (T, H, W) uint8, like `truth`.
        score: J of sounding or not, mean over the seconds, between 0 and 1.
    """

    name: str
    category: str
    frames: np.ndarray
    truth: np.ndarray
    prediction: np.ndarray
    score: float

    @property
    def caption(self) -> str:
        """Name, category and J in per cent."""
        return " · ".join(part for part in (self.name, self.category, f"J {100 * self.score:.1f}") if part)


def look(task: AVSTask, clip: Clip) -> Seen:
    """Runs the model, which is in evaluation mode, on a clip (a batch of one) with its own sound."""
    with torch.inference_mode():
        logits = task(clip.to(task.device)).logits[0].float().cpu()
    real = clip.valid[0]  # AVSS fills short clips with black frames
    prediction = (logits[:, 0].sigmoid() > 0.5 if task.num_classes == 1 else logits.argmax(1)).to(torch.uint8)[real]
    truth = clip.masks[0, real]
    sounding = torch.where(prediction > 0, 1.0, -1.0)
    return Seen(
        name=clip.video_id[0],
        category=clip.category[0],
        frames=_enlarged(clip.frames[0, real].permute(0, 2, 3, 1).numpy()),
        truth=_enlarged(truth.numpy()),
        prediction=_enlarged(prediction.numpy()),
        score=float(mask_iou(sounding, truth).mean()),
    )


def image(seen: Seen, labels: dict[int, str]) -> wandb.Image:
    """The seconds side by side, with two layers of masks to switch on and off."""
    layers = {"prediction": seen.prediction, "ground_truth": seen.truth}
    masks = {name: {"mask_data": _strip(layer), "class_labels": labels} for name, layer in layers.items()}
    return wandb.Image(_strip(seen.frames), caption=seen.caption, masks=masks, file_type="jpg")


def class_labels(dataset: AVSBenchDataset) -> dict[int, str]:
    """The names of the values of a mask: two, or those of AVSS."""
    return dict(enumerate(class_names(dataset.layout) or ("background", "sounding")))


def table(task: AVSTask, dataset: AVSBenchDataset, rows: Sequence[dict[str, Any]]) -> wandb.Table | None:
    """A row per clip: id, category, the seconds with masks, the sound, and its scores under every sound.

    Args:
        task: in evaluation mode.
        dataset: the split.
        rows: of `AVSTask.per_clip`, in the order of the table.
    """
    if not rows:
        return None
    scores = [name for name in rows[0] if name not in _NAMES]
    more = [] if "miou" in scores else ["sounding_miou"]  # AVSS has no score per clip
    labels, lines = class_labels(dataset), []
    for row in rows:
        seen, wav = look(task, dataset[row["index"]]), dataset.layout.wav(dataset.entries[row["index"]])
        sound = wandb.Audio(str(wav)) if wav.is_file() else None  # the release has log-mel files without sounds too
        numbers = [row[name] for name in scores] + [seen.score] * len(more)
        lines.append([seen.name, seen.category, image(seen, labels), sound, *numbers])
    return wandb.Table(["clip", "category", "seconds", "sound", *scores, *more], lines)


def videos(task: AVSTask, dataset: AVSBenchDataset, rows: Sequence[dict[str, Any]], folder: Path) -> list[wandb.Video]:
    """Clips as videos with their own sound: the truth on the left, the prediction on the right.

    Args:
        task: in evaluation mode.
        dataset: the split.
        rows: of `AVSTask.per_clip`; clips without a sound file are left out.
        folder: the MP4 files are written here.
    """
    shown = []
    for row in rows:
        wav = dataset.layout.wav(dataset.entries[row["index"]])
        if not wav.is_file():
            continue
        seen, (waveform, rate) = look(task, dataset[row["index"]]), read_wav(wav)
        tints = (None, None) if task.num_classes > 1 else (TRUTH, SOUNDING)
        sides = [
            np.stack([Overlay(mask, tint).on(frame) for frame, mask in zip(seen.frames, masks, strict=True)])
            for masks, tint in zip((seen.truth, seen.prediction), tints, strict=True)
        ]
        path = folder / f"{row['index']}.mp4"
        make_clip_video(np.concatenate(sides, axis=2), waveform.numpy(), path, sample_rate=rate)
        shown.append(wandb.Video(str(path), caption=f"{seen.caption} (left: truth, right: prediction)"))
    return shown


def hardest(rows: Sequence[dict[str, Any]], count: int) -> list[dict[str, Any]]:
    """Half of `count` from the lowest J up, the rest spread evenly over the easier clips; lowest J first.

    AVSS has no score per clip: there all are spread evenly.
    """
    ranked = sorted(rows, key=lambda row: row.get("miou", 0.0))
    lowest = min(len(ranked), count) // 2 if "miou" in (ranked or [{}])[0] else 0
    return ranked[:lowest] + spread(ranked[lowest:], count - lowest)


def spread(items: Sequence[Item], count: int) -> list[Item]:
    """At most `count` items, evenly spaced, the same each time."""
    count = min(count, len(items))
    return [items[place * len(items) // count] for place in range(count)]


def best_epoch(run: RunDirectory) -> dict[str, float]:
    """Which epoch the best checkpoint is from, for the summary."""
    rows = [row for row in read_rows(run.metrics) if row.get("val/miou")]
    if not rows:
        return {}
    best = max(rows, key=lambda row: float(row["val/miou"]))  # the first of equals, like the checkpoint
    return {"best/epoch": int(best["epoch"]), "best/val/miou": float(best["val/miou"])}


def _strip(pictures: np.ndarray) -> np.ndarray:
    """(T, H, W, ...) to (H, T * W, ...)."""
    return np.concatenate(list(pictures), axis=1)


def _enlarged(pictures: np.ndarray) -> np.ndarray:
    """Small pictures (T, H, W, ...) by a whole factor."""
    factor = -(-_LOOKABLE // pictures.shape[1])
    return pictures.repeat(factor, axis=1).repeat(factor, axis=2)
