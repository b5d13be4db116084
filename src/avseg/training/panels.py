"""Panels of a few clips of a split: frames, true masks, predictions, sound."""

from pathlib import Path
from typing import Any

import torch

from avseg.data.clip import Clip
from avseg.draw.panel import PanelClip, save_panel
from avseg.metrics import mask_iou
from avseg.models.base import AVSegModule
from avseg.utils.iteration import evenly_spaced


def draw_panels(path: Path, model: AVSegModule, dataset: Any, clips: int) -> None:
    """Write a PNG of clips spread evenly over the split, so that they are the same each time."""
    indices = evenly_spaced(range(len(dataset)), clips)
    was_training = model.training
    model.eval()
    save_panel(path, [panel_clip(model, dataset[index]) for index in indices])
    model.train(was_training)


def panel_clip(model: AVSegModule, clip: Clip) -> PanelClip:
    """Predict a clip (a batch of one) and return what a panel shows of it."""
    moved = clip.to(model.device)
    valid = clip.valid[0]  # AVSS pads short clips with black frames
    probability = model.predict_batch(moved.frames, moved.sound)[0].float().cpu()[valid]  # (T, H, W)
    maps = {name: map_[0].float().cpu()[valid].numpy() for name, map_ in model.picture_maps(moved.frames).items()}
    # a model of classes is drawn as sounding or not
    truth = (clip.masks[0, valid] > 0).to(torch.uint8)
    return PanelClip(
        video_id=clip.video_id[0],
        frames=clip.frames[0, valid].permute(0, 2, 3, 1).numpy(),
        truth=truth.numpy(),
        prediction=probability.numpy(),
        mel=None if model.frontend is None else _sound_image(clip, valid),
        maps=maps,
        score=float(mask_iou(torch.logit(probability, eps=1e-6), truth).mean()),
    )


def _sound_image(clip: Clip, valid: torch.Tensor) -> Any:
    """Return the log-mel patches (T, 96, 64) of the clip; other front ends are drawn as one row per item."""
    sound = clip.sound[0]
    if sound.ndim == 4 and len(sound) == len(valid):  # (T, 1, time, bands)
        return sound[valid, 0].numpy()
    items = sound[valid] if len(sound) == len(valid) else sound.expand(int(valid.sum()), *sound.shape)
    return items.reshape(len(items), 1, -1).numpy()
