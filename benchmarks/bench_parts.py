"""Components of the model against their published forms: encoder, neck, TPAVI over T, decoder, sound encoder.

Forward and backward for one clip of five frames; TPAVI over T, which is for long clips, only forward. The memory of a
TPAVI form is the peak that one pass adds in a new process that already holds the inputs and weights.
"""

import argparse
import subprocess
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import torch
from tests.reference.tpavi_quadratic import quadratic_tpavi
from torch import Tensor, nn

from avseg.audio.vggish import VGGish
from avseg.models.avs.network import AVSModel
from avseg.models.avs.tpavi import TPAVI
from avseg.nn.backbone import Backbone
from avseg.nn.cpu_kernels import use_fast_products
from benchmarks.measure import Comparison, alternate, count_flops, memory_growth, timed
from benchmarks.published import as_published, as_published_encoder

ROOT = Path(__file__).parent.parent
FRAMES = 5
LENGTHS = (5, 10, 20, 40, 80, 160, 320)


def measure(repeats: int = 3, device: str = "cpu", *, small: bool = False) -> list[Comparison]:
    """Measure all components; `small` uses tiny networks and maps, and does not measure memory."""
    torch.manual_seed(0)
    backbones, size, channels = (("resnet18",), 32, 16) if small else (("resnet50", "pvt_v2_b5"), 224, 256)
    comparisons: list[Comparison] = []
    for backbone in backbones:
        ours = AVSModel(backbone, channels=channels).to(device)
        published = as_published(AVSModel(backbone, channels=channels).to(device))
        published.load_state_dict(ours.state_dict())
        comparisons.append(_encoder(backbone, size, repeats, device))
        comparisons += _necks(ours, published, size, repeats, device)
        if backbone == backbones[0]:
            comparisons.append(_decoder(ours, published, size, repeats, device))
    comparisons.append(_sound(repeats, device))
    shape = (1, 16, 8, 8) if small else (1, 256, 56, 56)  # (B, C, H, W)
    return comparisons + tpavi(LENGTHS[:2] if small else LENGTHS, shape, repeats, device, memory=not small)


def tpavi(
    lengths: Sequence[int], shape: tuple[int, int, int, int], repeats: int, device: str, *, memory: bool = True
) -> list[Comparison]:
    """Measure time and memory over T; the quadratic form only where its matrix fits in half of the free memory."""
    comparisons, (batch, channels, height, width) = [], shape
    for length in lengths:
        full = (batch, channels, length, height, width)
        matrix = 2 * 4 * batch * (length * height * width) ** 2  # twice: the product, and its quotient by N
        fits = matrix < _free_memory(device) / 2
        forms = ("linear", "quadratic") if fits else ("linear",)
        measured = [("time", "ms", _times([forward(form, full, device) for form in forms], repeats, device))]
        if memory:
            measured.append(("peak memory", "MiB", [[_memory(form, full, device)] for form in forms]))
        name = f"TPAVI forward, {length} frames {height}x{width}x{channels}"
        for quantity, unit, values in measured:
            published_values = values[1] if fits else ()
            comparisons.append(
                Comparison(
                    f"{name}: {quantity}",
                    unit,
                    values[0],
                    published_values,
                    curve=f"TPAVI: {quantity} over T",
                    x=length,
                )
            )
    return comparisons


def forward(form: str, shape: tuple[int, ...], device: str) -> Callable[[], object]:
    """Prepare one pass of a form, "linear" or "quadratic", on a map (B, C, T, H, W) in the neck's memory format."""
    torch.manual_seed(0)
    block = TPAVI(shape[1]).to(device).eval()
    batch, channels, length, height, width = shape
    x = torch.randn(batch, length, height, width, channels, device=device).permute(0, 4, 1, 2, 3)
    if form == "quadratic":
        x = x.contiguous()
    audio = torch.rand(batch, length, 128, device=device)

    @torch.inference_mode()
    def run() -> object:
        return block(x, audio) if form == "linear" else quadratic_tpavi(block, x, audio)

    return run


def _encoder(name: str, size: int, repeats: int, device: str) -> Comparison:
    ours, published = Backbone(name).to(device), Backbone(name).to(device)
    use_fast_products(ours)
    as_published_encoder(published)
    images = torch.randn(FRAMES, 3, size, size, device=device)
    # frames need no gradient
    steps = [partial(_backward, network, [images], network) for network in (ours, published)]
    return _compare(f"encoder {name}", steps, repeats, device)


def _necks(ours: AVSModel, published: AVSModel, size: int, repeats: int, device: str) -> list[Comparison]:
    comparisons = []
    for stage, channels in enumerate(ours.backbone.channels, start=1):
        side = max(1, size // 2 ** (stage + 1))
        x = torch.randn(FRAMES, channels, side, side, device=device, requires_grad=True)
        steps = [partial(_backward, model.neck[stage - 1], [x], model.neck[stage - 1]) for model in (ours, published)]
        comparisons.append(
            _compare(f"neck {ours.backbone.name} stage {stage}, {channels}x{side}x{side}", steps, repeats, device)
        )
    return comparisons


def _decoder(ours: AVSModel, published: AVSModel, size: int, repeats: int, device: str) -> Comparison:
    channels = ours.neck[0].branches[0].out_channels  # type: ignore[index, union-attr]
    sides = [max(1, size // stride) for stride in (4, 8, 16, 32)]
    steps = []
    for model, layout in ((ours, torch.channels_last), (published, torch.contiguous_format)):  # as TPAVI returns them
        maps = [torch.randn(FRAMES, channels, side, side, device=device) for side in sides]
        inputs = [tensor.to(memory_format=layout).requires_grad_() for tensor in maps]
        steps.append(partial(_backward, partial(_call_with_list, model.decoder), inputs, model.decoder))
    return _compare("decoder", steps, repeats, device)


def _sound(repeats: int, device: str) -> Comparison:
    """Compare stored embeddings of a packed clip with VGGish in every step, as in the official code."""
    encoder, patches = VGGish().to(device), torch.randn(1, FRAMES, 1, 96, 64, device=device)
    stored = encoder(patches)
    times = alternate(stored.clone, lambda: encoder(patches), repeats, device)
    return Comparison("sound of a clip, stored against VGGish: time", "ms", times[0], times[1])


def _compare(name: str, steps: Sequence[Callable[[], object]], repeats: int, device: str) -> Comparison:
    flops = (count_flops(steps[0]), count_flops(steps[1]))
    processor = device == "cpu" and torch.get_num_threads() == 1
    times = alternate(steps[0], steps[1], repeats, device, processor=processor)
    return Comparison(f"{name}, forward + backward: time", "ms", times[0], times[1], flops=flops)


def _backward(function: Callable[..., Tensor | list[Tensor]], inputs: Sequence[Tensor], network: nn.Module) -> None:
    for tensor in (*inputs, *network.parameters()):
        tensor.grad = None
    outputs = function(*inputs)
    outputs = [outputs] if isinstance(outputs, Tensor) else outputs
    torch.autograd.backward(outputs, [torch.ones_like(tensor) for tensor in outputs])


def _call_with_list(function: Callable[[Sequence[Tensor]], Tensor], *maps: Tensor) -> Tensor:
    return function(maps)


def _times(forms: Sequence[Callable[[], object]], repeats: int, device: str) -> list[list[float]]:
    if len(forms) == 2:
        return list(alternate(forms[0], forms[1], repeats, device))
    forms[0]()
    return [[timed(forms[0], device) for _ in range(repeats)]]


def _free_memory(device: str) -> int:
    if device == "cuda":
        return int(torch.cuda.mem_get_info()[0])
    lines = Path("/proc/meminfo").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))


def _memory(form: str, shape: tuple[int, ...], device: str) -> float:
    """Measure the MiB that one pass adds, in a new process."""
    command = [sys.executable, "-m", "benchmarks.bench_parts", form, device, *map(str, shape)]
    comparisons = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return float(comparisons.stdout)


def _growth(form: str, shape: tuple[int, ...], device: str) -> float:
    forward(form, (1, 8, 2, 4, 4), device)()  # load the libraries first
    return memory_growth(forward(form, shape, device), device)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Print the MiB that one pass of TPAVI adds.")
    parser.add_argument("form", choices=["linear", "quadratic"])
    parser.add_argument("device")
    parser.add_argument("shape", type=int, nargs=5)
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(_growth(options.form, tuple(options.shape), options.device))
