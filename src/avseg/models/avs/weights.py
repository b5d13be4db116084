"""Official AVSBench model weights, in both directions.

The official models use other parameter names. The ResNet50 model also carries second copies of two stages, `layer3_2`
and `layer4_2`, that are never used: they are dropped on import and written as copies on export.
"""

import re
from collections.abc import Mapping

from torch import Tensor

from avseg.models.avs.network import STAGES, AVSModel
from avseg.nn.official_backbone import backbone_prefixes, rename
from avseg.nn.state_dict import load_exactly, without_parallel_prefix

# (official, ours), both as prefixes of one parameter; {0} is the stage, 1 to 4, and {1} is the stage counted from 0
MODEL_PREFIXES = (
    ("conv{0}.conv2d_list.", "neck.{1}.branches."),
    ("path{0}.resConfUnit1.", "decoder.paths.{1}.stage_unit."),
    ("path{0}.resConfUnit2.", "decoder.paths.{1}.refine_unit."),
    ("tpavi_b{0}.", "tpavi.{0}."),
    ("output_conv.", "decoder.head."),
)
# 1x1x1 convolutions, which the model stores as matrices
POINTWISE = re.compile(r"tpavi_b\d\.(g|theta|phi|W_z\.0)\.weight")
UNUSED = re.compile(r"resnet\.layer[34]_2\.|encoder_backbone\.head\.|resnet\.fc\.")


def load_official(network: AVSModel, state_dict: Mapping[str, Tensor]) -> None:
    """Load an official AVSBench state dict into a model of the same backbone, fusion stages and number of classes.

    A leading `module.` (saved from a parallel model) is removed.

    Raises:
        UserError: lists what is missing, unexpected or of another shape; the model is left unchanged.
    """
    prefixes = _prefixes(network)
    weights: dict[str, Tensor] = {}
    official_names: dict[str, str] = {}
    for official_name, tensor in without_parallel_prefix(state_dict).items():
        if UNUSED.match(official_name):
            continue
        name = rename(official_name, prefixes)
        official_names[name] = official_name
        is_convolution = POINTWISE.fullmatch(official_name) and tensor.ndim == 5
        weights[name] = tensor.flatten(1) if is_convolution else tensor
    advice = "check backbone, fusion stages and number of classes"
    load_exactly(network, weights, subject="the model", advice=advice, original_names=official_names)


load_weights = load_official


def to_official(network: AVSModel) -> dict[str, Tensor]:
    """Return copies of the weights under the official AVSBench names, including the official code's unused stages.

    Raises:
        UserError: the official code has no model with this backbone.
    """
    prefixes = [(ours, official) for official, ours in _prefixes(network)]
    exported: dict[str, Tensor] = {}
    for name, tensor in network.state_dict().items():
        official_name = rename(name, prefixes)
        if POINTWISE.fullmatch(official_name):
            tensor = tensor[..., None, None, None]
        exported[official_name] = tensor.detach().clone()
        if re.match(r"resnet\.layer[34]_1\.", official_name):
            exported[official_name.replace("_1.", "_2.", 1)] = tensor.detach().clone()
    return exported


def _prefixes(model: AVSModel) -> list[tuple[str, str]]:
    """Return prefixes (official, ours); the first that matches counts."""
    prefixes: list[tuple[str, str]] = []
    for official, ours in MODEL_PREFIXES:
        for stage in STAGES:
            prefixes.append((official.format(stage, stage - 1), ours.format(stage, stage - 1)))
    return prefixes + backbone_prefixes(model.backbone.name, resnet="resnet.", pvt="encoder_backbone.")
