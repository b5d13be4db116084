"""Three objects that appear at different times; the memory stays constant."""

import resource
from pathlib import Path

import pytest
import torch
from torch import Tensor

from avseg.nn.xmem import MemorySettings, Propagator, tiny_xmem

SETTINGS = MemorySettings(mem_every=2, num_prototypes=8, max_long_term_elements=40)
CELLS = 3 * 4


def scene(step: int) -> tuple[Tensor, Tensor]:
    """Draw a frame (3, 48, 64) and the masks (3, 48, 64) of three bars that swing over it."""
    x = torch.arange(64.0)
    bars = [(x - 32 - 20 * torch.sin(torch.tensor(0.05 * step + 2 * k))).abs() < 5 for k in range(3)]
    masks = torch.stack([bar.expand(48, 64) for bar in bars])
    return masks.float() * 2 - 1, masks


def stored(propagator: Propagator) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in propagator.state().values())


def advance(propagator: Propagator, step: int, arrivals: dict[int, int]) -> Tensor:
    frame, masks = scene(step)
    name = arrivals.get(step)
    return propagator.step(frame, None if name is None else masks[name - 1 : name], name and [name])


def expected_elements(frames_memorised: int) -> tuple[int, int]:
    """Compute the long-term and working elements of a group after a number of memory frames."""
    working, long = 0, 0
    for _ in range(frames_memorised):
        working += 1
        if working == SETTINGS.max_mid_term_frames:
            working, long = SETTINGS.min_mid_term_frames, min(long + 8, 40)
    return long, working * CELLS


def test_stored_elements_are_exactly_bounded() -> None:
    arrivals = {0: 1, 7: 2, 30: 3}
    propagator = Propagator(tiny_xmem(), SETTINGS)
    memorised, last = {1: 0, 2: 0, 3: 0}, 0
    for step in range(90):
        advance(propagator, step, arrivals)
        if step in arrivals or step - last == SETTINGS.mem_every:
            last = step
            for name in propagator.objects:
                memorised[name] += 1
        for name, (_, bank) in zip(propagator.objects, propagator._video.groups, strict=True):
            assert (bank.long, len(bank.elements) - bank.long) == expected_elements(memorised[name])
    longs = [bank.long for _, bank in propagator._video.groups]
    assert longs == [40, 40, 40]  # full, so that elements were forgotten in all three groups


@pytest.mark.slow
def test_2000_frames_in_constant_memory() -> None:
    arrivals = {0: 1, 300: 2, 700: 3}
    propagator = Propagator(tiny_xmem(), SETTINGS)
    sizes, resident = {}, {}
    for step in range(2000):
        probabilities = advance(propagator, step, arrivals)
        assert torch.isfinite(probabilities).all()
        sizes[step] = stored(propagator)
        if step in (1000, 1999):
            resident[step] = _resident_megabytes()
    assert propagator.objects == (1, 2, 3)
    assert max(size for step, size in sizes.items() if step > 1100) == max(
        size for step, size in sizes.items() if 900 < step <= 1100
    )
    assert resident[1999] - resident[1000] < 20
    assert [bank.long for _, bank in propagator._video.groups] == [40, 40, 40]


def _resident_megabytes() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20
