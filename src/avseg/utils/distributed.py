"""Rank, number of processes and collectives of distributed training; everything also works in a single process."""

from typing import TypeVar

from torch import Tensor, distributed

Value = TypeVar("Value")


def is_distributed() -> bool:
    """True if this process is part of a process group."""
    return distributed.is_available() and distributed.is_initialized()


def get_rank() -> int:
    """Return the global rank of this process; 0 without a process group."""
    return distributed.get_rank() if is_distributed() else 0


def get_world_size() -> int:
    """Return the number of processes; 1 without a process group."""
    return distributed.get_world_size() if is_distributed() else 1


def all_gather_object(value: Value) -> list[Value]:
    """Collect a picklable value from every process, in the order of ranks; every process must call it."""
    if not is_distributed():
        return [value]
    values: list[Value] = [value] * get_world_size()  # overwritten
    distributed.all_gather_object(values, value)
    return values


def all_reduce_sum(tensor: Tensor) -> Tensor:
    """Return the sum of a tensor over all processes, without gradient; every process must call it."""
    total = tensor.detach().clone()  # all_reduce works in place
    if is_distributed():
        distributed.all_reduce(total, op=distributed.ReduceOp.SUM)
    return total
