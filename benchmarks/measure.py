"""Fair timing of two forms of the same computation, and its results."""

import math
import re
import statistics
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from avseg.nn.cpu_kernels import linear


@dataclass
class Comparison:
    """One quantity of both forms, measured `len(ours)` times in one run.

    Attributes:
        name: what was measured.
        unit: "ms" or "MiB"; in both, less is better.
        ours: this package.
        published: the plain form of the published method; empty where there is none, or where it does not fit.
        target: the required ratio published / ours, or None.
        curve: the name of the curve that this is a point of, as "TPAVI: time over T"; "" for a separate comparison.
        x: position on that curve.
        flops: floating point operations of one call of ours and of the published form, where they were counted.
    """

    name: str
    unit: str
    ours: Sequence[float]
    published: Sequence[float] = ()
    target: float | None = None
    curve: str = ""
    x: float | None = None
    flops: tuple[float, float] | None = None

    @property
    def ratios(self) -> list[float]:
        """Published over ours, round by round: a slow moment of the machine affects both forms."""
        if not self.published:
            return []
        return [theirs / mine for theirs, mine in zip(self.published, self.ours, strict=True)]

    @property
    def ratio(self) -> float | None:
        """Median ratio; None without a published form."""
        return statistics.median(self.ratios) if self.published else None

    @property
    def reached(self) -> bool | None:
        """True if the ratio reaches the target; None without a target."""
        return None if self.target is None or self.ratio is None else self.ratio >= self.target

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for a json file."""
        spread = [min(self.ratios), max(self.ratios)] if self.published else None
        return {**asdict(self), "ratio": self.ratio, "ratio_spread": spread, "reached": self.reached}


def timed(function: Callable[[], object], device: str = "cpu", *, processor: bool = False) -> float:
    """Measure the milliseconds of one call, including its work on the device: wall time, or processor time."""
    clock = time.process_time if processor else time.perf_counter
    _wait(device)
    start = clock()
    function()
    _wait(device)
    return 1000 * (clock() - start)


def alternate(
    ours: Callable[[], object],
    published: Callable[[], object],
    repeats: int,
    device: str = "cpu",
    *,
    processor: bool = False,
) -> tuple[list[float], list[float]]:
    """Time both forms in turn, after one call of each to warm up.

    Args:
        ours: one call of this package's form.
        published: one call of the published form.
        repeats: rounds.
        device: "cpu" or "cuda".
        processor: take processor time instead of wall time; for one thread on a machine with other work.

    Returns:
        The milliseconds of ours and of the published form, one entry for each round.
    """
    ours(), published()
    rounds = [
        (timed(ours, device, processor=processor), timed(published, device, processor=processor))
        for _ in range(repeats)
    ]
    return [mine for mine, _ in rounds], [theirs for _, theirs in rounds]


def count_flops(function: Callable[[], object]) -> float:
    """Count the floating point operations of one call, a multiply-add as two; matrix products and convolutions only."""
    counter = FlopCounterMode(display=False, custom_mapping={torch.ops.aten.convolution_backward: _conv_backward_flops})
    with counter:
        function()
    return float(counter.get_total_flops())


def _conv_backward_flops(
    gradient: Sequence[int], x: Sequence[int], weight: Sequence[int], *rest: Any, out_shape: Any = None
) -> int:
    """Count the forward operations once for input and weight each; torch's count treats depthwise as dense."""
    output_mask = rest[-1]
    return 2 * math.prod(gradient) * math.prod(weight[1:]) * int(sum(output_mask[:2]))


def peak_flops(device: str = "cpu", size: int = 2048) -> float:
    """Measure the operations per second of a large float32 matrix product, the peak of this machine.

    By MKL or oneDNN, whichever is faster: on a CPU they differ by 2.5 times.
    """
    a, b = (torch.randn(size, size, device=device) for _ in range(2))
    forms, processor = (
        (partial(torch.mm, a, b), partial(linear, a, b)),
        device == "cpu" and torch.get_num_threads() == 1,
    )
    fastest = min(timed(form, device, processor=processor) for form in forms for _ in range(5))
    return 2 * size**3 / (fastest / 1000)


def memory_growth(run: Callable[[], object], device: str = "cpu") -> float:
    """Measure the peak MiB that one call adds to the memory of this process; on a CPU Linux only."""
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
        start_memory = torch.cuda.memory_allocated()
        run()
        return (torch.cuda.max_memory_allocated() - start_memory) / 2**20
    with suppress(OSError):
        # reset VmHWM; where that is forbidden, an earlier peak counts against the form, never for it
        Path("/proc/self/clear_refs").write_text("5")
    start_memory = _status("VmRSS")
    run()
    return (_status("VmHWM") - start_memory) / 2**10


def _status(field: str) -> int:
    """Read a field of /proc/self/status in KiB."""
    match = re.search(rf"{field}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    if match is None:
        raise RuntimeError(f"/proc/self/status has no {field}")
    return int(match.group(1))


def _wait(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()
