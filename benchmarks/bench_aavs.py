"""AAVS against the form of its authors: the whole of transformers' Mask2Former, changed by hooks alone."""

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from avseg.models.aavs.network import AAVS, SCORE_SIZE, class_maps
from avseg.nn.cpu_kernels import use_fast_products
from benchmarks.measure import Comparison, alternate


def measure(repeats: int = 3, device: str = "cpu", *, small: bool = False) -> list[Comparison]:
    """Measure frames with their own sound, and with four more sounds, as an evaluation with controls decodes them."""
    network, size = ("tiny", 64) if small else ("swin_base", 384)
    torch.manual_seed(0)
    ours = AAVS(network=network).to(device).eval()
    published = AAVS(network=network).to(device).eval()
    published.load_state_dict(ours.state_dict())
    use_library_attention(published)
    use_fast_products(ours)
    frames = torch.randn(1, 1, 3, size, size, device=device)
    sounds = [torch.rand(1, 1, 128, device=device) for _ in range(5)]
    processor = device == "cpu" and torch.get_num_threads() == 1
    comparisons: list[Comparison] = []
    with torch.no_grad():
        expected = published_scores(published, frames, sounds[0])
        torch.testing.assert_close(ours(frames, sounds[0]).scores[0], expected, rtol=1e-3, atol=1e-4)
        for count, target in ((1, 1.0), (5, 3.0)):
            times = alternate(
                partial(decode_all, ours, frames, sounds[:count]),
                lambda count=count: [published_scores(published, frames, sound) for sound in sounds[:count]],
                repeats,
                device,
                processor=processor,
            )
            name = f"AAVS {network} {size}x{size}, a frame with {count} sound{'s' if count > 1 else ''}"
            comparisons.append(Comparison(name, "ms", *times, target=None if small else target))
    return comparisons


def use_library_attention(network: AAVS) -> None:
    """Put the library's deformable attention back."""
    from transformers.models.mask2former import modeling_mask2former as library

    for layer in network.net.model.pixel_level_module.decoder.encoder.layers:
        ours = layer.self_attn
        width = ours.value_proj.out_features
        layer.self_attn = library.Mask2FormerPixelDecoderEncoderMultiscaleDeformableAttention(
            width, ours.heads, ours.levels, ours.points
        )
        for name, module in ours.named_children():
            setattr(layer.self_attn, name, module)


def decode_all(network: AAVS, frames: Tensor, sounds: list[Tensor]) -> list[Tensor]:
    """Encode frames once, decode them with every sound; returns the official scores."""
    size = (frames.shape[-2], frames.shape[-1])
    features = network.encode(frames.flatten(0, 1))
    scores: list[Tensor] = []
    for sound in sounds:
        maps = class_maps(network.decode(features, sound.flatten(0, 1))[-1], size)
        scores.append(F.interpolate(maps, SCORE_SIZE, mode="bilinear", align_corners=False))
    return scores


def published_scores(network: AAVS, frames: Tensor, audio: Tensor) -> Tensor:
    """Compute the official scores (N, 2, 224, 224) by the library's own forward pass."""
    net: Any = network.net
    content = network.prompted_queries(audio.flatten(0, 1))

    def prompt(module: nn.Module, arguments: Any, options: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        return arguments, {**options, "inputs_embeds": content}

    hook = net.model.transformer_module.decoder.register_forward_pre_hook(prompt, with_kwargs=True)
    try:
        output = net(frames.flatten(0, 1))
    finally:
        hook.remove()
    masks = F.interpolate(output.masks_queries_logits, frames.shape[-2:], mode="bilinear", align_corners=False)
    classes = output.class_queries_logits.softmax(-1)[..., :-1]
    maps = torch.einsum("bqc,bqhw->bchw", classes, masks.sigmoid())
    return F.interpolate(maps, SCORE_SIZE, mode="bilinear", align_corners=False)


if __name__ == "__main__":
    torch.set_num_threads(1)
    for comparison in measure():
        print(f"{comparison.name}: {comparison.ratio:.2f}x (target {comparison.target})")
