"""A whole MS3 training step: bf16 with the linear TPAVI against the plain published form in float32. For a GPU."""

from collections.abc import Callable
from functools import partial
from typing import cast

import torch
from tests.reference.tpavi_quadratic import quadratic_tpavi

from avseg.losses import AudioVisualMappingLoss, MaskLoss
from avseg.models import TPAVI, AVSModel, normalise
from benchmarks.measure import Comparison, alternate


def step(form: str, clips: int, size: int, backbone: str, device: str) -> Callable[[], None]:
    """One optimizer step on fixed random clips; form "ours" or "published". The sound embeddings are given."""
    torch.manual_seed(0)
    model = AVSModel(backbone=backbone).to(device)
    if form == "published":
        for block in model.tpavi.values():
            block.forward = partial(quadratic_tpavi, cast(TPAVI, block))
    else:
        model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-4, fused=form == "ours" and device == "cuda")
    frames = torch.randint(0, 256, (clips, 5, 3, size, size), dtype=torch.uint8, device=device)
    audio = torch.rand(clips, 5, 128, device=device)
    masks = torch.randint(0, 2, (clips, 5, size, size), dtype=torch.uint8, device=device)
    annotated = torch.ones(clips, 5, dtype=torch.bool, device=device)
    mask_loss, mapping_loss = MaskLoss(), AudioVisualMappingLoss()

    def run() -> None:
        with torch.autocast(device, dtype=torch.bfloat16, enabled=form == "ours"):
            out = model(normalise(frames), audio)
        mapping = mapping_loss(out.logits, out.visual_maps, out.audio_maps)
        loss = mask_loss(out.logits, masks, annotated) + 0.5 * mapping
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return run


def measure(
    clips: int = 4, size: int = 224, backbone: str = "resnet50", repeats: int = 10, device: str = "cuda"
) -> list[Comparison]:
    """Time and, on a GPU, peak memory of both forms."""
    ours, published = (step(form, clips, size, backbone, device) for form in ("ours", "published"))
    ours_ms, published_ms = alternate(ours, published, repeats, device)
    name = f"train step, {clips} clips of 5 frames {size}x{size}, {backbone}, bf16 against fp32"
    found = [Comparison(f"{name}: time", "ms", ours_ms, published_ms)]
    if device == "cuda":
        del ours, published
        ours_mib, published_mib = ([_memory(form, clips, size, backbone)] for form in ("ours", "published"))
        found.append(Comparison(f"{name}: peak memory", "MiB", ours_mib, published_mib))
    return found


def _memory(form: str, clips: int, size: int, backbone: str) -> float:
    """MiB at the peak of the second step, when the optimizer's state exists; weights included."""
    torch.cuda.empty_cache()
    run = step(form, clips, size, backbone, "cuda")
    run()
    torch.cuda.reset_peak_memory_stats()
    run()
    return torch.cuda.max_memory_allocated() / 2**20
