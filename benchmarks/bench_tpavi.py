"""TPAVI at stage 1 of a 224x224 clip: the linear form against the published quadratic one, forward and backward.

Memory on a CPU: each form runs in a new process with the same modules, inputs and weights. The step's memory is the
growth of the peak resident memory (VmHWM) over the resident memory before the step; on a GPU, the allocator's peak
minus the memory allocated before.
"""

import argparse
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import torch
from tests.reference.tpavi_quadratic import quadratic_tpavi
from torch import Tensor

from avseg.models.avs.tpavi import TPAVI
from benchmarks.measure import Comparison, alternate, memory_growth

ROOT = Path(__file__).parent.parent
SHAPE = (1, 256, 5, 56, 56)  # (B, C, T, H, W)


def step(form: str, shape: tuple[int, ...], device: str) -> Callable[[], tuple[Tensor, ...]]:
    """Prepare one forward and backward pass of a form, "linear" or "quadratic", with inputs and weights."""
    torch.manual_seed(0)
    block = TPAVI(shape[1]).to(device)
    for parameter in block.parameters():  # BatchNorm starts at 0, which would block gradients
        torch.nn.init.normal_(parameter, std=0.1)
    x = torch.randn(shape, device=device, requires_grad=True)
    audio = torch.rand(shape[0], shape[2], 128, device=device)

    def run() -> tuple[Tensor, ...]:
        output, aligned = block(x, audio) if form == "linear" else quadratic_tpavi(block, x, audio)
        assert aligned is not None  # the mode "audio" returns it
        return torch.autograd.grad(output.square().mean() + aligned.mean(), [x, *block.parameters()])

    return run


def measure(shape: tuple[int, ...] = SHAPE, repeats: int = 5, device: str = "cpu") -> list[Comparison]:
    """Measure time and memory of both forms, whose gradients must agree."""
    linear, quadratic = step("linear", shape, device), step("quadratic", shape, device)
    for ours, published in zip(linear(), quadratic(), strict=True):
        torch.testing.assert_close(ours, published, rtol=1e-3, atol=1e-5)
    ours_ms, published_ms = alternate(linear, quadratic, repeats, device)
    ours_mib, published_mib = ([_memory(form, shape, device)] for form in ("linear", "quadratic"))
    name = f"TPAVI {shape[2]}x{shape[3]}x{shape[4]}x{shape[1]}, forward + backward"
    return [
        Comparison(f"{name}: time", "ms", ours_ms, published_ms, target=20),
        Comparison(f"{name}: peak memory", "MiB", ours_mib, published_mib, target=10),
    ]


def _memory(form: str, shape: tuple[int, ...], device: str) -> float:
    command = [sys.executable, "-m", "benchmarks.bench_tpavi", form, device, *map(str, shape)]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return float(done.stdout)


def _growth(form: str, shape: tuple[int, ...], device: str) -> float:
    """Measure the MiB that one step adds to the memory of this process."""
    step(form, (1, 8, 2, 4, 4), device)()  # load the libraries first
    return memory_growth(step(form, shape, device), device)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Print the MiB that one step adds.")
    parser.add_argument("form", choices=["linear", "quadratic"])
    parser.add_argument("device")
    parser.add_argument("shape", type=int, nargs=5)
    options = parser.parse_args()
    print(_growth(options.form, tuple(options.shape), options.device))
