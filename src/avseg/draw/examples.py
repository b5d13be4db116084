"""Clips of a data set with their annotated seconds framed, like Figure A2 of the AVS paper's supplementary."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageOps

from avseg.data.check.examples import ExampleClip
from avseg.draw.overlay import Overlay
from avseg.draw.palette import OKABE_ITO, TRUTH
from avseg.draw.strips import Row, blocks_figure
from avseg.utils.names import short_name

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_FRAME = OKABE_ITO["vermilion"]
_WIDTH = 0.03  # of the border, as a share of the image's shorter side
_NAME = 46  # bytes of a title
_WIDE = 6  # frames from which on clips have a line of their own


def draw_examples(clips: Sequence[ExampleClip], setting: str) -> "Figure":
    """Draw a row per clip: frames, labels in colour, and a border around each frame that carries a label."""
    shape = clips[0].frames.shape[1:3]
    blocks = []
    for clip in clips:
        name = short_name(clip.name, _NAME) + (f"   {clip.category}" if clip.category else "")
        blocks.append(
            (name, [Row(clip.split, _framed(clip, shape), notes=[f"{round(time, 1)} s" for time in clip.times])])
        )
    longest = max(len(clip.frames) for clip in clips)
    labelled = "has an audible segment" if setting == "lu_avs" else "carries a label"
    caption = f"{setting}   framed: the second {labelled}; tinted: what sounds"
    return blocks_figure(1 if longest >= _WIDE else min(2, len(blocks)), blocks, caption=caption)


def _framed(clip: ExampleClip, shape: tuple[int, ...]) -> np.ndarray:
    """Return the images of a clip (T, H, W, 3) in the size of the figure's first clip."""
    images = []
    tint = None if clip.masks.max(initial=0) > 1 else TRUTH  # classes have colours of their own
    for frame, mask, annotated in zip(clip.frames, clip.masks, clip.annotated, strict=True):
        image = Overlay(mask, tint, alpha=0.55, outline=1).on(frame) if mask.any() else frame.copy()
        if annotated:
            width = max(2, round(_WIDTH * min(image.shape[:2])))
            image[:width] = image[-width:] = _FRAME
            image[:, :width] = image[:, -width:] = _FRAME
        if image.shape[:2] != shape:
            padded = ImageOps.pad(Image.fromarray(image), (shape[1], shape[0]), color="white")
            image = np.asarray(padded)
        images.append(image)
    return np.stack(images)
