"""Official AVSegFormer weights, in both directions.

An official file also holds VGGish, and modules that no forward pass reads: `head.fpn`, `head.attn_fc`, and with
ResNet50 the second copies of two stages. The network keeps them (`AVSegFormer.unused`), so that an export gives the
same file. Without an import an export writes copies of the two stages, and zeros for the others.
"""

import re
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from avseg.models.avsegformer.network import AVSegFormer
from avseg.nn.official_backbone import backbone_prefixes, rename
from avseg.nn.state_dict import load_exactly, without_parallel_prefix
from avseg.utils.errors import UserError

PREFIXES = (
    ("head.level_embed", "pixel_encoder.level_embed"),
    ("head.learnable_query.", "learnable_query."),
    ("head.query_generator.", "query_generator."),
    ("head.transformer.encoder.layers.", "pixel_encoder.layers."),
    ("head.transformer.decoder.layers.", "decoder."),
    ("head.in_proj.", "input_proj."),
    ("head.lateral_conv.", "lateral_conv."),
    ("head.out_conv.", "out_conv."),
    ("head.fusion_block.", "mixer."),
    ("head.mlp.layers.0.", "head.mix_queries."),
    ("head.mlp.layers.1.", "head.mix_hidden."),
    ("head.mlp.layers.2.", "head.mix_out."),
    ("head.fc.0.", "head.wide."),
    ("head.fc.2.", "head.narrow."),
    ("head.fc.4.", "head.classify."),
)
# names within a layer of the pixel encoder and of the decoder
_ENCODER_LAYER = (
    ("linear1.", "mlp.fc1."),
    ("linear2.", "mlp.fc2."),
    ("norm1.", "self_attn_layer_norm."),
    ("norm2.", "final_layer_norm."),
)
_DECODER_LAYER = (("cross_attn.", "multihead_attn."),)
_LAYER = re.compile(r"(pixel_encoder\.layers\.\d+\.|decoder\.\d+\.|head\.transformer\.(?:en|de)coder\.layers\.\d+\.)")
# 1x1 convolutions, which the model stores as matrices
_POINTWISE = re.compile(r"head\.mlp\.layers\.\d\.weight")
VGGISH = "vggish."
_UNUSED = re.compile(r"vggish\.|head\.fpn\.|head\.attn_fc\.|backbone\.layer[34]_2\.|backbone\.fc\.|backbone\.head\.")


def load_official(network: AVSegFormer, state_dict: Mapping[str, Tensor]) -> None:
    """Load an official state dict into a network of the same backbone, query generator and number of classes.

    VGGish's weights are kept in `network.unused` with everything else that the network does not read.

    Raises:
        UserError: lists what is missing, unexpected or of another shape; the network is left unchanged.
    """
    prefixes = [*PREFIXES, *backbone_prefixes(network.backbone.name)]
    weights: dict[str, Tensor] = {}
    unused: dict[str, Tensor] = {}
    official_names: dict[str, str] = {}
    for official_name, tensor in without_parallel_prefix(state_dict).items():
        if _UNUSED.match(official_name):
            unused[official_name] = tensor.detach().cpu()
            continue
        name = _to_ours(official_name, prefixes)
        official_names[name] = official_name
        is_convolution = _POINTWISE.fullmatch(official_name) and tensor.ndim == 4
        weights[name] = tensor.flatten(1) if is_convolution else tensor
    kept = network.unused.weights
    network.unused.weights = {}
    try:
        load_exactly(
            network, weights, subject="AVSegFormer", advice=_advice(official_names), original_names=official_names
        )
    except UserError:
        network.unused.weights = kept
        raise
    network.unused.weights = unused


def to_official(network: AVSegFormer) -> dict[str, Tensor]:
    """Return copies of the weights under the official names, with those that the official code does not use.

    VGGish's are among them if the network was loaded from an official file.

    Raises:
        UserError: the official code has no model with this backbone.
    """
    prefixes = [(ours, official) for official, ours in (*PREFIXES, *backbone_prefixes(network.backbone.name))]
    exported: dict[str, Tensor] = {}
    for name, tensor in network.state_dict().items():
        if name.startswith("unused."):
            continue
        official_name = _to_official_name(name, prefixes)
        if _POINTWISE.fullmatch(official_name):
            tensor = tensor[..., None, None]
        exported[official_name] = tensor.detach().clone()
    unused = _unused_of_a_new_network(network, exported) | network.unused.weights
    return exported | {name: tensor.clone() for name, tensor in unused.items()}


def official_vggish(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Select VGGish's weights of an official state dict, under VGGish's own names."""
    selected: dict[str, Tensor] = {}
    for name, tensor in weights.items():
        if name.startswith(VGGISH):
            selected[name.removeprefix(VGGISH)] = tensor
    return selected


def _to_ours(official_name: str, prefixes: list[tuple[str, str]]) -> str:
    name = rename(official_name, prefixes)
    layer = _LAYER.match(name)
    return name if layer is None else layer[0] + rename(name.removeprefix(layer[0]), _layer_prefixes(name))


def _to_official_name(name: str, prefixes: list[tuple[str, str]]) -> str:
    official_name = rename(name, prefixes)
    layer = _LAYER.match(official_name)
    if layer is None:
        return official_name
    swapped = [(ours, official) for official, ours in _layer_prefixes(name)]
    return layer[0] + rename(official_name.removeprefix(layer[0]), swapped)


def _layer_prefixes(name: str) -> tuple[tuple[str, str], ...]:
    return _ENCODER_LAYER if name.startswith("pixel_encoder.") else _DECODER_LAYER


def _unused_of_a_new_network(network: AVSegFormer, exported: Mapping[str, Tensor]) -> dict[str, Tensor]:
    unused: dict[str, Tensor] = {}
    for name, tensor in exported.items():
        if re.match(r"backbone\.layer[34]_1\.", name):
            unused[name.replace("_1.", "_2.", 1)] = tensor
    for name, module in _unused_modules(network.learnable_query.embedding_dim, network.head.classify.out_channels):
        for key, tensor in module.state_dict().items():
            unused[f"{name}.{key}"] = torch.zeros(tensor.shape)
    return unused


def _unused_modules(channels: int, num_classes: int) -> list[tuple[str, nn.Module]]:
    with torch.device("meta"):
        modules: list[tuple[str, nn.Module]] = []
        for step in (1, 2, 3):
            modules.append((f"head.fpn.up{step}.1", nn.Conv2d(channels, channels, 3)))
        modules.append(("head.attn_fc.0", nn.Conv2d(channels, channels // 2, 3)))
        modules.append(("head.attn_fc.2", nn.Conv2d(channels // 2, channels // 8, 3)))
        modules.append(("head.attn_fc.4", nn.Conv2d(channels // 8, num_classes, 1, bias=False)))
    return modules


def _advice(official_names: Mapping[str, str]) -> str:
    generator = "attention" if "query_generator.query.weight" in official_names else "repeat"
    return f"check backbone and number of classes; the file has query_generator={generator}"
