"""Fair timing of two forms of the same computation, and the numbers that come out of it."""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch


@dataclass
class Comparison:
    """One quantity of both forms, measured `len(ours)` times in one run.

    Attributes:
        name: what was measured.
        unit: "ms" or "MiB"; in both, less is better.
        ours: this package.
        published: the plain form of the published method.
        target: the ratio published / ours that is asked for, or None.
    """

    name: str
    unit: str
    ours: Sequence[float]
    published: Sequence[float]
    target: float | None = None

    @property
    def ratios(self) -> list[float]:
        """Published over ours, round by round: a slow moment of the machine meets both forms."""
        return [theirs / mine for theirs, mine in zip(self.published, self.ours, strict=True)]

    @property
    def ratio(self) -> float:
        """The median ratio."""
        return statistics.median(self.ratios)

    def as_dict(self) -> dict[str, Any]:
        """Plain values for a json file."""
        reached = None if self.target is None else self.ratio >= self.target
        spread = [min(self.ratios), max(self.ratios)]
        return {**asdict(self), "ratio": self.ratio, "ratio_spread": spread, "reached": reached}


def timed(function: Callable[[], object], device: str = "cpu") -> float:
    """Milliseconds of one call, with all its work on the device done."""
    _wait(device)
    start = time.perf_counter()
    function()
    _wait(device)
    return 1000 * (time.perf_counter() - start)


def alternate(
    ours: Callable[[], object], published: Callable[[], object], repeats: int, device: str = "cpu"
) -> tuple[list[float], list[float]]:
    """Times both forms in turn, after one call of each to warm up.

    Args:
        ours: one call of this package's form.
        published: one call of the published form.
        repeats: rounds.
        device: "cpu" or "cuda".

    Returns:
        The milliseconds of ours and of the published form, one entry for each round.
    """
    ours(), published()
    rounds = [(timed(ours, device), timed(published, device)) for _ in range(repeats)]
    return [mine for mine, _ in rounds], [theirs for _, theirs in rounds]


def _wait(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()
