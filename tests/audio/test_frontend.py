"""Audio front ends: the log-mel front end of VGGish, and how items are fitted to frames."""

import pytest
import torch

from avseg.audio import FrontEnd, LogMel, log_mel_patches
from avseg.audio.frontend import clip_sound, is_released_log_mel
from avseg.audio.log_mel import Hop
from avseg.utils.errors import UserError
from tests.audio.frontends import MeanSpectrum, RawSeconds


@pytest.mark.parametrize(("hop", "window"), [("vggish", 0.975), ("second", 1.0)])
def test_log_mel_front_end(hop: Hop, window: float) -> None:
    frontend: FrontEnd = LogMel(hop)
    waveform = torch.randn(2, 3 * 22_050).clamp(-1, 1)
    assert torch.equal(frontend(waveform, 22_050), log_mel_patches(waveform, 22_050, hop))
    assert frontend(waveform, 22_050).shape[1:] == frontend.shape == (1, 96, 64)
    assert (frontend.name, frontend.sample_rate, frontend.dim) == (f"log_mel-{hop}", 16_000, 128)
    assert frontend.window == window
    assert is_released_log_mel(frontend) == (hop == "vggish")


def test_unknown_hop() -> None:
    with pytest.raises(UserError, match=r"audio.hop 'seconds' is unknown; allowed: vggish, second; did you mean"):
        LogMel("seconds")  # type: ignore[arg-type]


def test_items_are_fitted_to_the_frames_and_padded_with_zeros() -> None:
    items = torch.ones(4, 1) * torch.tensor([[1.0], [2], [3], [4]])
    assert clip_sound(items, RawSeconds(), frames=5, length=7).flatten().tolist() == [1, 2, 3, 4, 4, 0, 0]
    assert clip_sound(items, RawSeconds(), frames=3, length=3).flatten().tolist() == [1, 2, 3]


def test_one_item_for_the_whole_clip_is_left_as_it_is() -> None:
    frontend = MeanSpectrum()
    items = frontend(torch.randn(16_000), 16_000)
    assert torch.equal(clip_sound(items, frontend, frames=5, length=10), items[0])
