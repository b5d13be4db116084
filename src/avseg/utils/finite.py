"""Note where predictions and losses stop being finite, on the device, without waiting for it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass

import torch
from torch import Tensor


class NonFinite:
    """Collects the names of items (clips, videos) with NaN or +infinity; -infinity is a probability of zero.

    `names` are those of the batch that is computed now. Notes stay on the device until `take` reads them.
    """

    def __init__(self) -> None:
        self.names: Sequence[str] = ()
        self._notes: list[tuple[tuple[str, ...], Tensor]] = []

    def note(self, values: Tensor) -> None:
        """Note which items of a batch (B, ...) are not finite."""
        if not values.is_floating_point() or not values.numel():
            return
        values = values.detach()
        # a maximum is NaN if any value is; one pass without a copy
        if len(values) == len(self.names):
            highest = values.flatten(1).amax(1) if values.ndim > 1 else values  # (B,)
        else:
            highest = values.amax()[None].expand(max(len(self.names), 1))
        self._notes.append((tuple(self.names) or ("",), ~torch.isfinite(highest)))

    def take(self) -> list[str]:
        """Return the names that were noted as not finite, once each, and forget all notes."""
        bad: dict[str, None] = {}  # an ordered set
        for names, flags in self._notes:
            bad |= dict.fromkeys(name for name, flag in zip(names, flags.tolist(), strict=True) if flag)
        self._notes = []
        return list(bad)

    def forget(self) -> None:
        """Forget all notes."""
        self._notes = []


def tensors_in(output: object) -> Iterator[Tensor]:
    """Yield the tensors of an output: a tensor, or a sequence, mapping or dataclass of them."""
    if isinstance(output, Tensor):
        yield output
    elif isinstance(output, Mapping):
        for value in output.values():
            yield from tensors_in(value)
    elif isinstance(output, list | tuple):
        for value in output:
            yield from tensors_in(value)
    elif is_dataclass(output) and not isinstance(output, type):
        for item in fields(output):
            yield from tensors_in(getattr(output, item.name))
