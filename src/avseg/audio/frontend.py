"""Audio front ends: the only way from a waveform to the input of an audio encoder.

Training, control sounds, packs, long videos and predictions all receive a `FrontEnd` object, so that a model with
another front end trains, evaluates and predicts without further changes.
"""

from typing import Protocol

import torch
from torch import Tensor

from avseg.audio.log_mel import BANDS, HOPS, PATCH_FRAMES, PATCH_SAMPLES, SAMPLE_RATE, Hop, log_mel_patches
from avseg.utils.choices import check_choice
from avseg.utils.errors import UserError


class FrontEnd(Protocol):
    """Turns the sound of a clip into items in time order, usually one for each frame."""

    name: str  # identifies the front end and its options in fingerprints, such as "log_mel-vggish"
    sample_rate: int  # rate in Hz at which it works; it resamples other rates itself
    window: float  # seconds of sound from which one item is computed
    shape: tuple[int, ...]  # shape of one item
    dim: int  # length of the embedding that its encoder returns
    per_frame: bool  # True if there is an item for each frame; False if one item covers the whole clip

    def __call__(self, waveform: Tensor, rate: int) -> Tensor:
        """Compute the items (P, *shape) float32 of a sound, in time order, P >= 1; P = 1 if `per_frame` is False.

        Args:
            waveform: (n,) or (channels, n), float32 or float64 in [-1, 1].
            rate: sample rate in Hz.

        Raises:
            UserError: the sound cannot be used, for example because it is empty.
        """
        ...


class LogMel:
    """The log-mel patches of VGGish, see `log_mel_patches` (also for `hop`)."""

    sample_rate = SAMPLE_RATE
    shape: tuple[int, ...] = (1, PATCH_FRAMES, BANDS)
    dim = 128
    per_frame = True

    def __init__(self, hop: Hop = "vggish") -> None:
        check_choice("audio.hop", hop, HOPS)
        self.hop = hop
        self.name = f"log_mel-{hop}"
        # with hop "second" the last, incomplete second is padded
        self.window = 1.0 if hop == "second" else PATCH_SAMPLES / SAMPLE_RATE

    def __call__(self, waveform: Tensor, rate: int) -> Tensor:
        """Compute the patches (P, 1, 96, 64) of a sound."""
        return log_mel_patches(waveform, rate, self.hop)


class NoSound:
    """The front end of models without sound: a zero for each frame; data sets read no sound for it."""

    name = "no_sound"
    sample_rate = SAMPLE_RATE
    window = 1.0
    shape: tuple[int, ...] = (1,)
    dim = 0
    per_frame = True

    def __call__(self, waveform: Tensor, rate: int) -> Tensor:
        """Return one item, (1, 1), for any sound."""
        return torch.zeros(1, 1)


def is_released_log_mel(frontend: FrontEnd) -> bool:
    """True if the released log-mel files hold what this front end computes."""
    return isinstance(frontend, LogMel) and frontend.hop == "vggish"


def fit_to_frames(items: Tensor, count: int, *, repeat: bool = True) -> Tensor:
    """Fit items (P, ...) to `count` frames.

    If there are fewer, repeat the last item as the released features of S4 and MS3 do, or fill with zeros (AVSS).

    Raises:
        UserError: P = 0.
    """
    if items.shape[0] == 0:
        raise UserError(f"the sound has 0 items; at least one is needed for {count} frames")
    missing = max(count - items.shape[0], 0)
    filling = items[-1:] if repeat else items.new_zeros(1, *items.shape[1:])
    return torch.cat([items[:count], filling.expand(missing, *items.shape[1:])])


def clip_sound(items: Tensor, frontend: FrontEnd, frames: int, length: int, *, repeat: bool = True) -> Tensor:
    """Arrange the items (P, *shape) of one clip as the model gets them: (T, *shape), or (*shape) for the whole clip.

    Clips with fewer `frames` than the `length` T are padded with zeros. `repeat` is that of `fit_to_frames`.
    """
    if not frontend.per_frame:
        return items[0]
    items = fit_to_frames(items, frames, repeat=repeat)
    return torch.cat([items, items.new_zeros(length - frames, *items.shape[1:])])
