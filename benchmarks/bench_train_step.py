"""A whole step, training and evaluation, against the plain published form on the same clips.

On a CPU both forms are float32 and give the same values up to rounding. On a GPU ours is bf16, as `trainer=gpu` is,
and the published form float32, as the official code is. VGGish runs in every step of both; `avseg data pack` can store
its embeddings.
"""

from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor

from avseg.audio.vggish import VGGish
from avseg.models.avs.loss import AudioVisualMappingLoss, MaskLoss
from avseg.models.avs.network import AVSModel
from avseg.nn.normalise import normalise
from benchmarks.measure import Comparison, alternate, count_flops
from benchmarks.published import as_published

BACKBONES = ("resnet50", "pvt_v2_b5")
# targets: speed as a multiple of the published form's, and memory as a fraction of it
TARGET = {"cpu": 2.5, "cuda": 8.0}
TARGET_MEMORY = 4.0


def step(
    form: str, clips: int, size: int, backbone: str, device: str, setting: str = "ms3"
) -> Callable[[], dict[str, Tensor]]:
    """Prepare one step on fixed random clips.

    Args:
        form: "ours" or "published".
        clips: clips of five frames in the batch.
        size: height and width of the frames.
        backbone: a timm model.
        device: "cpu" or "cuda".
        setting: "ms3" (every frame annotated, both losses), "s4" (the first frame, the mask loss), or "evaluate".

    Returns:
        A function that runs the step and returns its losses, or its logits.
    """
    torch.manual_seed(0)
    model, encoder = _model(form, backbone, device).train(setting != "evaluate"), _sound_encoder(device)
    # the official code uses Adam's defaults
    optimizer = torch.optim.Adam(
        [p for p in model.parameters() if p.requires_grad], lr=1e-4, fused=True if form == "ours" else None
    )
    torch.manual_seed(1)  # the same inputs whether or not the sound encoder was initialised now
    frames = torch.randint(0, 256, (clips, 5, 3, size, size), dtype=torch.uint8, device=device)
    patches = torch.randn(clips, 5, 1, 96, 64, device=device)
    masks = torch.randint(0, 2, (clips, 5, size, size), dtype=torch.uint8, device=device)
    annotated = torch.ones(clips, 5, dtype=torch.bool, device=device)
    annotated[:, 1:] = setting != "s4"
    mask_loss, mapping_loss = MaskLoss(), AudioVisualMappingLoss()
    half = torch.autocast(device, dtype=torch.bfloat16, enabled=form == "ours" and device == "cuda")

    def evaluate() -> dict[str, Tensor]:
        with torch.inference_mode(), half:
            return {"logits": model(normalise(frames), encoder(patches)).logits}

    def train() -> dict[str, Tensor]:
        options = {"decode_mask": annotated} if form == "ours" and setting == "s4" else {}
        with half:
            out = model(normalise(frames), encoder(patches), **options)
        loss = mask_loss(out.logits, masks, annotated)
        if setting == "ms3":
            loss = loss + 0.5 * mapping_loss(out.logits, out.visual_maps, out.audio_maps)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return {"loss": loss.detach()}

    return evaluate if setting == "evaluate" else train


def measure(
    repeats: int = 5,
    device: str = "cpu",
    *,
    small: bool = False,
    clips: int | None = None,
    size: int = 224,
    backbone: str | None = None,
) -> list[Comparison]:
    """Measure both backbones' training step on MS3 and S4 and their evaluation step; with `backbone` its MS3 step only.

    Args:
        repeats: rounds.
        device: "cpu" or "cuda".
        small: a tiny network and tiny frames.
        clips: clips in the batch; 1 on a CPU, where the quadratic form takes GBs per clip, else 4, the paper's.
        size: height and width of the frames.
        backbone: a timm model.
    """
    clips = clips or (1 if device == "cpu" else 4)
    if backbone:
        return compare(clips, size, backbone, repeats, device, "ms3")
    comparisons = []
    for name_of_backbone in ("resnet18",) if small else BACKBONES:
        for setting in ("ms3", "s4", "evaluate"):
            comparisons += compare(clips, 32 if small else size, name_of_backbone, repeats, device, setting)
    return comparisons


def compare(clips: int, size: int, backbone: str, repeats: int, device: str, setting: str) -> list[Comparison]:
    """Measure time, operations and, on a GPU, peak memory of both forms, whose first values must agree on a CPU.

    Raises:
        RuntimeError: they do not agree.
    """
    ours, published = (step(form, clips, size, backbone, device, setting) for form in ("ours", "published"))
    step_name = "evaluation step" if setting == "evaluate" else f"{setting.upper()} train step"
    name = f"{step_name}, {backbone}, batch {clips}, {size}x{size}, {'bf16 against ' if device == 'cuda' else ''}fp32"
    flops = _first(name, ours, published, device)
    # processor time on a CPU: other work on the machine adds little to it
    times = alternate(ours, published, repeats, device, processor=device == "cpu" and torch.get_num_threads() == 1)
    comparisons = [Comparison(f"{name}: time", "ms", times[0], times[1], target=TARGET[device], flops=flops)]
    if device == "cuda":
        del ours, published
        mine, theirs = ([_memory(form, clips, size, backbone, setting)] for form in ("ours", "published"))
        comparisons.append(Comparison(f"{name}: peak memory", "MiB", mine, theirs, target=TARGET_MEMORY))
    return comparisons


def _model(form: str, backbone: str, device: str) -> AVSModel:
    model = AVSModel(backbone=backbone).to(device)
    if form == "published":
        return as_published(model)
    if device == "cuda":
        model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return model


@cache
def _sound_encoder(device: str) -> VGGish:
    """Return a frozen encoder that both forms share; initialising 72 million weights takes a second."""
    return VGGish().to(device)


def _first(
    name: str, ours: Callable[[], dict[str, Tensor]], published: Callable[[], dict[str, Tensor]], device: str
) -> tuple[float, float]:
    """Count the operations of the first step of both forms."""
    flops, values = [], []
    for form in (ours, published):
        torch.manual_seed(1)  # stochastic depth
        flops.append(count_flops(lambda form=form: values.append(form())))  # type: ignore[misc]
    for key, value in values[1].items():
        error = float((values[0][key] - value).norm() / value.norm())
        if device == "cpu" and not error < 1e-3:
            raise RuntimeError(f"{name}: the two forms disagree by {error:.1e} in the {key}")
    return flops[0], flops[1]


def _memory(form: str, clips: int, size: int, backbone: str, setting: str) -> float:
    """Measure the peak MiB of the second step, when the optimizer's state exists; including the weights."""
    torch.cuda.empty_cache()
    run = step(form, clips, size, backbone, "cuda", setting)
    run()
    torch.cuda.reset_peak_memory_stats()
    run()
    return torch.cuda.max_memory_allocated() / 2**20


if __name__ == "__main__":
    torch.set_num_threads(1)
    for comparison in measure(3, "cuda" if torch.cuda.is_available() else "cpu"):
        print(comparison.as_dict())
