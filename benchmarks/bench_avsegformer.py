"""An evaluation step of AVSegFormer (ResNet50) against the structure of the official code, on the same weights.

The official structure: `nn.Linear` and `nn.Conv2d` with torch's default products, one map per query and frame in front
of the head's 1x1 convolutions, keys and values of every pixel in the mixer, cross-attention to a single token with
queries and keys, the same first query layer for every frame.
"""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional as F

from avseg.models.avsegformer import AVSegFormer
from avseg.models.avsegformer.head import MaskHead, Mixer
from avseg.models.avsegformer.queries import Attention, AttentionQueries, QueryLayer
from benchmarks.measure import Comparison, alternate, count_flops
from benchmarks.published import as_published_encoder


def as_published(network: AVSegFormer) -> AVSegFormer:
    """Turn a network into the official structure, in place; its parameters stay."""
    from transformers.models.deformable_detr.modeling_deformable_detr import MultiScaleDeformableAttention

    as_published_encoder(network)
    for layer in network.pixel_encoder.layers:
        layer.self_attn.attn = MultiScaleDeformableAttention()
    network.head.forward = partial(head, network.head)  # type: ignore[method-assign]
    network.mixer.forward = partial(mixer, network.mixer)  # type: ignore[method-assign]
    generator = network.query_generator
    assert isinstance(generator, AttentionQueries)
    generator.forward = partial(query_generator, generator)  # type: ignore[method-assign]
    return network


def head(module: MaskHead, decoded: Tensor, pixels: Tensor, size: tuple[int, int]) -> Tensor:
    """Compute a map per query, then run the 1x1 convolutions on the maps."""
    mask_feature = pixels.transpose(1, 2).unflatten(-1, size)
    x = torch.einsum("bqc,bchw->bqhw", decoded, mask_feature)
    for layer in (module.mix_queries, module.mix_hidden, module.mix_out):
        x = F.conv2d(x, layer.weight[..., None, None], layer.bias)
        x = x if layer is module.mix_out else x.relu()
    x = F.conv2d(mask_feature + x, module.wide.weight, module.wide.bias, padding=1)
    x = F.interpolate(x, scale_factor=4, mode="bilinear", align_corners=False)
    x = F.conv2d(x, module.narrow.weight, module.narrow.bias, padding=1).relu()
    return F.conv2d(x, module.classify.weight)


def mixer(module: Mixer, pixels: Tensor, sound: Tensor) -> Tensor:
    """Attend with keys and values of every pixel."""
    parts = (module.q_proj(sound), *module.kv_proj(pixels).chunk(2, -1))
    mixed = F.scaled_dot_product_attention(*(part.unflatten(-1, (module.heads, -1)).transpose(1, 2) for part in parts))
    return pixels * module.proj(mixed.transpose(1, 2).flatten(2)).sigmoid()


def query_generator(module: AttentionQueries, sound: Tensor) -> Tensor:
    """Run every layer on the queries of every frame."""
    queries = module.query.weight.expand(len(sound), -1, -1)
    layer: QueryLayer
    for layer in module.layers:  # type: ignore[assignment]
        queries = layer.norm1(queries + attention(layer.self_attn, queries, queries))
        queries = layer.norm2(queries + attention(layer.cross_attn, queries, sound))
        queries = layer.norm3(queries + layer.ffn(queries))
    return queries


def attention(module: Attention, queries: Tensor, tokens: Tensor) -> Tensor:
    """Attend with queries, keys and values."""
    weights = module.in_proj_weight.chunk(3)
    inputs = (queries, tokens, tokens)
    parts = [
        F.linear(x, w).unflatten(-1, (module.heads, -1)).transpose(1, 2) for x, w in zip(inputs, weights, strict=True)
    ]
    mixed = F.scaled_dot_product_attention(*parts)
    return module.out_proj(mixed.transpose(1, 2).flatten(2))


def step(form: str, clips: int, size: int, backbone: str, device: str) -> Callable[[], Tensor]:
    """Prepare an evaluation step of a form, "ours" or "published", on fixed random clips of five frames."""
    torch.manual_seed(0)
    network = AVSegFormer(backbone).to(device).eval().requires_grad_(False)
    if form == "published":
        as_published(network)
    frames = torch.randn(clips, 5, 3, size, size, device=device)
    audio = torch.rand(clips, 5, 128, device=device)

    def run() -> Tensor:
        with torch.no_grad():
            return network(frames, audio).logits

    return run


def measure(
    repeats: int = 5, device: str = "cpu", *, clips: int = 1, size: int = 224, backbone: str = "resnet50"
) -> list[Comparison]:
    """Measure the time of both forms, whose logits must agree.

    Raises:
        RuntimeError: they do not agree.
    """
    ours, published = (step(form, clips, size, backbone, device) for form in ("ours", "published"))
    values: list[Tensor] = []
    flops = [count_flops(lambda form=form: values.append(form())) for form in (ours, published)]  # type: ignore[misc]
    error = float((values[0] - values[1]).norm() / values[1].norm())
    if not error < 1e-4:
        raise RuntimeError(f"AVSegFormer: the two forms disagree by {error:.1e}")
    one_thread = device == "cpu" and torch.get_num_threads() == 1
    times = alternate(ours, published, repeats, device, processor=one_thread)
    name = f"AVSegFormer evaluation step, {backbone}, batch {clips}, {size}x{size}: time"
    return [Comparison(name, "ms", *times, target=1.15, flops=(flops[0], flops[1]))]


if __name__ == "__main__":
    torch.set_num_threads(1)
    for comparison in measure(3, "cuda" if torch.cuda.is_available() else "cpu"):
        print(comparison.as_dict())
