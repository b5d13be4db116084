"""Training clips of each process."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import DistributedSampler

from avseg.data.clip import Clip
from avseg.data.loader import GuardedLoader, ShuffledShare


class Numbers:
    """Clips that contain only their number."""

    def __init__(self, count: int) -> None:
        self.count = count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Clip:
        empty, flags = torch.zeros(1, 2, 1), torch.ones(1, 2, dtype=torch.bool)
        return Clip(empty, empty, empty, flags, flags, [""], [""], torch.tensor([index]))


def steps(count: int, per_process: int, processes: int, epoch: int = 0) -> list[list[list[int]]]:
    """Return the clips that count, by process and step."""
    shares = []
    for rank in range(processes):
        sampler = ShuffledShare(range(count), per_process * processes, seed=7, rank=rank, world_size=processes)
        sampler.set_epoch(epoch)
        loader = GuardedLoader(Numbers(count), batch_size=per_process, sampler=sampler)
        assert len(list(sampler)) == len(sampler)
        shares.append(
            [[int(i) for i, real in zip(clip.index, clip.valid.any(1), strict=True) if real] for clip in loader]
        )
    return shares


@given(st.integers(1, 40), st.integers(1, 4), st.integers(1, 5), st.integers(0, 3))
def test_a_step_of_all_processes_is_the_batch_of_one(count: int, per_process: int, processes: int, epoch: int) -> None:
    (one,) = steps(count, per_process * processes, 1, epoch)
    several = steps(count, per_process, processes, epoch)
    assert {len(batches) for batches in several} == {len(one)}  # equal numbers of steps
    for step, batch in enumerate(one):
        assert sorted(i for batches in several for i in batches[step]) == sorted(batch)


def test_the_order_is_that_of_torch_s_sampler() -> None:
    for epoch in range(2):
        reference = DistributedSampler(range(9), num_replicas=1, rank=0, shuffle=True, seed=7)
        sampler = ShuffledShare(range(9), 4, seed=7, rank=0, world_size=1)
        reference.set_epoch(epoch)
        sampler.set_epoch(epoch)
        assert list(sampler) == list(reference)


@pytest.mark.parametrize("rank", [0, 1])
def test_a_placeholder_has_no_annotated_frame(rank: int) -> None:
    sampler = ShuffledShare(range(5), 4, seed=7, rank=rank, world_size=2)
    *full, last = GuardedLoader(Numbers(5), batch_size=2, sampler=sampler)
    assert all(clip.annotated.all() and clip.valid.all() for clip in full)
    assert len(last) == 1
    assert last.annotated.any() == last.valid.any() == (rank == 0)
