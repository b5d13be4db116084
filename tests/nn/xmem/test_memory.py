from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from avseg.nn.xmem import MemorySettings
from avseg.nn.xmem.elements import Elements, join
from avseg.nn.xmem.memory import MemoryBank, potentiate
from avseg.utils.errors import UserError

CELLS = 6


def random_elements(count: int, step: int = 0, objects: int = 1) -> Elements:
    g = torch.Generator().manual_seed(step)
    return Elements(
        key=torch.randn(count, 4, generator=g),
        shrinkage=1 + torch.rand(count, generator=g),
        selection=torch.rand(count, 4, generator=g),
        value=torch.randn(count, 3 * objects, generator=g),
        mask=torch.rand(count, objects, generator=g),
        label=torch.randint(0, 3, (count,), generator=g),
        frame=torch.full((count,), step),
        cell=torch.arange(count),
        use=torch.zeros(count),
        life=torch.zeros(count),
    )


def run(bank: MemoryBank, frames: int) -> None:
    g = torch.Generator().manual_seed(1)
    for step in range(1, frames):
        bank.look_up(torch.randn(CELLS, 4, generator=g), torch.rand(CELLS, 4, generator=g))
        bank.add(random_elements(CELLS, step))


@st.composite
def small_settings(draw: st.DrawFn) -> MemorySettings:
    low = draw(st.integers(1, 4))
    prototypes = draw(st.integers(1, 20))
    return MemorySettings(
        top_k=draw(st.integers(1, 40)),
        mem_every=draw(st.integers(1, 3)),
        min_mid_term_frames=low,
        max_mid_term_frames=low + draw(st.integers(1, 3)),
        num_prototypes=prototypes,
        max_long_term_elements=prototypes + draw(st.integers(1, 40)),
    )


@settings(max_examples=60, deadline=None)
@given(memory_settings=small_settings(), frames=st.integers(1, 30))
def test_the_number_of_elements_follows_the_settings(memory_settings: MemorySettings, frames: int) -> None:
    s = memory_settings
    bank = MemoryBank(s, random_elements(CELLS), CELLS)
    run(bank, frames)
    working, long = 1, 0
    for _ in range(frames - 1):
        working += 1
        if working == s.max_mid_term_frames:
            new = min(s.num_prototypes, (working - s.min_mid_term_frames) * CELLS)
            working, long = s.min_mid_term_frames, min(long, s.max_long_term_elements - new) + new
    assert bank.long == long <= s.max_long_term_elements
    assert len(bank.elements) - long == working * CELLS
    assert working < s.max_mid_term_frames


@settings(max_examples=30, deadline=None)
@given(memory_settings=small_settings(), frames=st.integers(2, 20))
def test_the_first_and_the_newest_frames_stay_and_cells_are_unique(memory_settings, frames: int) -> None:
    bank = MemoryBank(memory_settings, random_elements(CELLS), CELLS)
    run(bank, frames)
    working = bank.elements.pick(slice(bank.long, len(bank.elements)))
    count = len(working) // CELLS
    expected = [0, *range(frames - count + 1, frames)]
    assert working.frame.tolist() == [step for step in expected for _ in range(CELLS)]
    cells_of_frames = list(zip(bank.elements.frame.tolist(), bank.elements.cell.tolist(), strict=True))
    assert len(set(cells_of_frames)) == len(cells_of_frames)
    assert set(bank.elements.frame[: bank.long].tolist()).isdisjoint(expected)


def test_prototypes_are_the_most_used_and_read_from_all_candidates() -> None:
    elements = random_elements(12, objects=2)
    use, life = torch.rand(12), torch.tensor([1.0, 2, 4] * 4)
    candidates = replace(elements, use=use, life=life)
    prototypes = potentiate(candidates, 5)
    order = sorted(range(12), key=lambda i: -float(use[i] / life[i]))[:5]
    assert prototypes.cell.tolist() == order
    for row, i in enumerate(order):
        difference = (elements.key - elements.key[i]) ** 2 * elements.selection[i]
        weights = (-elements.shrinkage * difference.sum(1) / 2).exp()
        for name in ("value", "mask", "shrinkage"):
            tensor = getattr(elements, name)
            expected = (weights.view(-1, *[1] * (tensor.ndim - 1)) * tensor).sum(0) / weights.sum()
            torch.testing.assert_close(getattr(prototypes, name)[row], expected, rtol=1e-4, atol=1e-5)
        for name in ("key", "selection", "label", "frame"):
            assert torch.equal(getattr(prototypes, name)[row], getattr(elements, name)[i])
    assert prototypes.use.sum() == prototypes.life.sum() == 0


def test_the_least_used_prototypes_are_forgotten() -> None:
    s = MemorySettings(4, 1, 1, 3, num_prototypes=4, max_long_term_elements=10)
    prototypes = random_elements(9, step=99)
    use = torch.tensor([5.0, 1, 7, 3, 8, 2, 9, 4, 6])
    prototypes = replace(prototypes, use=use, life=torch.ones(9))
    bank = MemoryBank(s, join([prototypes, random_elements(CELLS), random_elements(CELLS, 1)]), CELLS, long=9)
    bank.add(random_elements(CELLS, 2))
    assert bank.long == 10
    kept = bank.elements.pick(slice(0, 10))
    assert kept.cell[kept.frame == 99].tolist() == [0, 2, 4, 6, 7, 8]


def test_use_is_the_affinity_received() -> None:
    bank = MemoryBank(MemorySettings(top_k=3), random_elements(CELLS), CELLS)
    affinity = bank.look_up(torch.randn(5, 4), torch.rand(5, 4))
    dense = torch.zeros(5, CELLS).scatter_(1, affinity.position, affinity.weight)
    torch.testing.assert_close(bank.elements.use, dense.sum(0))
    assert bank.elements.life.tolist() == [1] * CELLS


def test_objects_of_a_group_read_together_as_alone() -> None:
    pair = random_elements(30, objects=2)
    query, selection = torch.randn(7, 4), torch.rand(7, 4)
    together = MemoryBank(MemorySettings(), pair, 30)
    value = together.look_up(query, selection).read(pair.value)
    for i in (0, 1):
        single = replace(pair, value=pair.value[:, 3 * i : 3 * i + 3], mask=pair.mask[:, i : i + 1])
        alone = MemoryBank(MemorySettings(), single, 30).look_up(query, selection).read(single.value)
        torch.testing.assert_close(value[:, 3 * i : 3 * i + 3], alone)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"top_k": 0}, "top_k: 0 .*1 or more"),
        ({"deep_update_every": 0}, "deep_update_every: 0 .*1 or more"),
        ({"min_mid_term_frames": 10}, "min_mid_term_frames: 10 must be less than max_mid_term_frames"),
        ({"num_prototypes": 10_000}, "num_prototypes: 10000 must be less than max_long_term_elements"),
    ],
)
def test_invalid_settings(options: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        MemorySettings(**options)
