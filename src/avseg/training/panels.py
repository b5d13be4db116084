"""Panels of a few clips of a split: what the model sees, should mark, marks, and hears."""

from pathlib import Path

import torch

from avseg.data.avsbench.dataset import AVSBenchDataset
from avseg.data.clip import Clip
from avseg.draw.panel import PanelClip, save_panel
from avseg.metrics import mask_iou
from avseg.models.avs.module import AVSTask


def draw_panels(path: Path, task: AVSTask, dataset: AVSBenchDataset, clips: int) -> None:
    """Writes a picture of `clips` clips, spread evenly over the split, so that they are the same each time.

    Args:
        path: the PNG.
        task: the model.
        dataset: clips by their place in the split.
        clips: how many.
    """
    count = min(clips, len(dataset))
    places = [place * len(dataset) // count for place in range(count)]
    was_training = task.training
    task.eval()
    save_panel(path, [_panel(task, dataset[place]) for place in places])
    task.train(was_training)


def _panel(task: AVSTask, clip: Clip) -> PanelClip:
    moved = clip.to(task.device)
    probability = task.predict_clip(moved.frames, moved.sound)[0].float().cpu()
    real = clip.valid[0]  # AVSS fills short clips with black frames
    probability = probability[real]
    # a model of classes is drawn as sounding or not
    truth = (clip.masks[0, real] > 0).to(torch.uint8)
    return PanelClip(
        video_id=clip.video_id[0],
        frames=clip.frames[0, real].permute(0, 2, 3, 1).numpy(),
        truth=truth.numpy(),
        prediction=probability.numpy(),
        mel=clip.sound[0, real, 0].numpy(),
        score=float(mask_iou(torch.logit(probability, eps=1e-6), truth).mean()),
    )
