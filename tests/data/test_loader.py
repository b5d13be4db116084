"""Which process reads which training clip."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import DistributedSampler

from avseg.data.clip import Clip
from avseg.data.loader import GuardedLoader, ShuffledShare


class Numbers:
    """Clips that carry nothing but their number."""

    def __init__(self, count: int) -> None:
        self.count = count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Clip:
        nothing, real = torch.zeros(1, 2, 1), torch.ones(1, 2, dtype=torch.bool)
        return Clip(nothing, nothing, nothing, real, real, [""], [""], torch.tensor([index]))


def steps(count: int, each: int, processes: int, epoch: int = 0) -> list[list[list[int]]]:
    """The clips that count, by process and step."""
    dealt = []
    for rank in range(processes):
        sampler = ShuffledShare(range(count), each * processes, seed=7, rank=rank, world_size=processes)
        sampler.set_epoch(epoch)
        loader = GuardedLoader(Numbers(count), batch_size=each, sampler=sampler)
        assert len(list(sampler)) == len(sampler)
        dealt.append(
            [[int(i) for i, real in zip(clip.index, clip.valid.any(1), strict=True) if real] for clip in loader]
        )
    return dealt


@given(st.integers(1, 40), st.integers(1, 4), st.integers(1, 5), st.integers(0, 3))
def test_each_step_of_the_processes_is_the_batch_of_one(count: int, each: int, processes: int, epoch: int) -> None:
    (one,) = steps(count, each * processes, 1, epoch)
    several = steps(count, each, processes, epoch)
    assert {len(batches) for batches in several} == {len(one)}  # no process waits for another
    for step, batch in enumerate(one):
        assert sorted(i for batches in several for i in batches[step]) == sorted(batch)


def test_the_order_is_that_of_torch_s_sampler() -> None:
    for epoch in range(2):
        theirs = DistributedSampler(range(9), num_replicas=1, rank=0, shuffle=True, seed=7)
        ours = ShuffledShare(range(9), 4, seed=7, rank=0, world_size=1)
        theirs.set_epoch(epoch)
        ours.set_epoch(epoch)
        assert list(ours) == list(theirs)


@pytest.mark.parametrize("rank", [0, 1])
def test_a_stand_in_carries_no_annotation(rank: int) -> None:
    sampler = ShuffledShare(range(5), 4, seed=7, rank=rank, world_size=2)
    *full, last = GuardedLoader(Numbers(5), batch_size=2, sampler=sampler)
    assert all(clip.annotated.all() and clip.valid.all() for clip in full)
    assert len(last) == 1
    assert last.annotated.any() == last.valid.any() == (rank == 0)
