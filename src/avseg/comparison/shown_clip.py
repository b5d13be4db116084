"""One clip under all methods, as panels, video and page show it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from avseg.comparison.scoring import MethodScores
from avseg.comparison.split import Split
from avseg.comparison.store import MaskStore
from avseg.draw.strips import Wave
from avseg.utils.errors import UserError

AUDIBLE = -50.0  # dBFS; a second below counts as not audible
_PARTS = 160  # of the waveform of a second


@dataclass(frozen=True)
class ShownClip:
    """Frames, sound, truth and masks of a clip of T frames."""

    index: int
    name: str
    category: str
    frames: np.ndarray  # (T, H, W, 3) uint8
    truth: np.ndarray  # (T, H, W) bool
    labelled: np.ndarray  # (T,) bool
    masks: Mapping[str, np.ndarray]  # (T, H, W) bool by method
    scores: Mapping[str, float]  # J by method, in [0, 1]
    waveform: np.ndarray | None  # (channels, n); None where there is no wav file
    sample_rate: int = 16_000

    def frame_iou(self, method: str) -> list[float]:
        """Compute J of each labelled frame, NaN for the others."""
        values = []
        for mask, truth, labelled in zip(self.masks[method], self.truth, self.labelled, strict=True):
            a, b = (mask, truth) if truth.any() else (~mask, ~truth)
            union = int((a | b).sum())
            values.append(int((a & b).sum()) / union if labelled and union else float("nan"))
        return values

    def iou_texts(self, method: str, prefix: str = "") -> list[str]:
        """Write J of each frame in per cent, with no text where there is no label."""
        return ["" if math.isnan(value) else f"{prefix}{100 * value:.0f}" for value in self.frame_iou(method)]

    def label_texts(self) -> list[str]:
        """Mark the frames without a label."""
        return ["" if labelled else "no label" for labelled in self.labelled]

    @property
    def wave(self) -> Wave | None:
        """The waveform second by second, with the seconds that are audible."""
        if self.waveform is None:
            return None
        seconds, rate = len(self.frames), self.sample_rate
        mono = self.waveform.mean(0)[: seconds * rate].astype(np.float32)
        samples = np.pad(mono, (0, seconds * rate - len(mono))).reshape(seconds, rate)
        starts = np.linspace(0, rate, _PARTS, endpoint=False).astype(int)
        low, high = np.minimum.reduceat(samples, starts, 1), np.maximum.reduceat(samples, starts, 1)
        level = 10 * np.log10(np.maximum((samples**2).mean(1), 1e-12))
        return Wave(np.stack([low, high], -1), level > AUDIBLE)


def read_clip(
    split: Split, store: MaskStore, methods: Sequence[MethodScores], index: int, *, sound: bool = True
) -> ShownClip:
    """Read a clip with the stored masks of all methods, without its waveform if `sound` is False."""
    clip = split.dataset[index]
    valid = clip.valid[0].numpy()
    masks = store.read(index)[:, valid]  # (M, T, H, W)
    waveform, rate = _waveform(split, index) if sound else (None, 16_000)
    entry = split.entries[index]
    return ShownClip(
        index=index,
        name=entry.name,
        category=entry.category,
        frames=clip.frames[0].permute(0, 2, 3, 1).numpy()[valid],
        truth=(clip.masks[0] != 0).numpy()[valid],
        labelled=clip.annotated[0].numpy()[valid],
        masks={method.name: masks[position] for position, method in enumerate(methods)},
        scores={method.name: method.clips[index]["miou"] for method in methods},
        waveform=waveform,
        sample_rate=rate,
    )


def _waveform(split: Split, index: int) -> tuple[np.ndarray | None, int]:
    try:
        waveform, rate = split.dataset.read_waveform(index)
    except UserError:  # a release with log-mel files alone
        return None, 16_000
    return waveform.numpy(), rate
