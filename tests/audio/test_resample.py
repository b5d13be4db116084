"""Resampling gives the values of resampy 0.4.3, with which the official front end resamples.

`golden/resampy.safetensors`: one second of noise, 0.1 * standard_normal from `rng("sound", rate)`, resampled to 16 kHz
by `resampy.resample`: every 16th sample, their number, and the log-mel patch of the samples, [::4, ::2].
"""

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from avseg.audio.log_mel import log_mel_patches
from avseg.audio.resample import resample
from tests.golden_recipe import GOLDEN, rng

REFERENCE = load_file(GOLDEN / "resampy.safetensors")


def _noise(rate: int) -> Tensor:
    return torch.from_numpy(0.1 * rng("sound", rate).standard_normal(rate))


@pytest.mark.parametrize("rate", [11_025, 24_000, 44_100, 48_000])
def test_equals_resampy(rate: int) -> None:
    samples = resample(_noise(rate), rate, 16_000)
    assert len(samples) == REFERENCE[f"length_{rate}"].item()
    torch.testing.assert_close(samples[::16], REFERENCE[f"samples_{rate}"], rtol=0, atol=1e-9)
    patch = log_mel_patches(_noise(rate), rate)[0, 0, ::4, ::2]
    assert (patch - REFERENCE[f"log_mel_{rate}"]).abs().mean() < 1e-4


def test_long_sounds_in_pieces() -> None:
    # more windows than are multiplied at once; a second in the middle equals that of a short sound
    sound = torch.from_numpy(rng("long", 1).standard_normal(22_050 * 20))
    part = resample(sound[22_050 * 8 : 22_050 * 11], 22_050, 16_000)
    whole = resample(sound, 22_050, 16_000)
    torch.testing.assert_close(whole[16_000 * 9 : 16_000 * 10], part[16_000:32_000], rtol=0, atol=1e-6)


@pytest.mark.parametrize("count", [1, 2, 5])
def test_short_sounds(count: int) -> None:
    samples = resample(torch.ones(count, dtype=torch.float64), 44_100, 16_000)
    assert len(samples) == max(count * 16_000 // 44_100, 1)
    assert samples.isfinite().all()
