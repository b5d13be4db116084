"""Weights of the authors' code (Stepping-Stones) for AAVS, in both directions.

Their names are those of transformers 4.35, which moved in version 5. The files also hold 24 tables of window positions
and the class weights of the loss: both follow from the configuration, so they are not read; export computes them.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from avseg.models.aavs.network import AAVS
from avseg.nn.state_dict import load_exactly, without_parallel_prefix

# (ours, theirs), parts of a parameter's name, applied in this order
RENAMED = (
    ("encoder.swin.", "encoder."),
    ("attention.q_proj.", "attention.self.query."),
    ("attention.k_proj.", "attention.self.key."),
    ("attention.v_proj.", "attention.self.value."),
    ("attention.relative_position_bias.", "attention.self."),
    ("attention.o_proj.dense.", "attention.output.dense."),
    ("attention.o_proj.adapter.", "attention.output.swin_adapt_1."),
    ("mlp.fc1.", "intermediate.dense."),
    ("mlp.fc2.dense.", "output.dense."),
    ("mlp.fc2.adapter.", "output.swin_adapt_3."),
    ("self_attn.output_proj.dense.", "self_attn.output_proj."),
    ("self_attn.output_proj.adapter.", "self_attn.avs_adapt."),
    ("self_attn.out_proj.dense.", "self_attn.out_proj."),
    ("self_attn.out_proj.adapter.", "self_attn.avs_adapt."),
)
REGION_EMBEDDINGS = ("audio_embed.", "silence_embed.", "uncertain_embed.")
POSITION_INDEX = "relative_position_index"
CLASS_WEIGHTS = "model.criterion.empty_weight"
NO_OBJECT_WEIGHT = 0.1


def official_name(name: str) -> str:
    """Return the authors' name of a parameter or buffer of `AAVS`."""
    if name.startswith(REGION_EMBEDDINGS):
        return f"model.model.transformer_module.{name}"
    if not name.startswith("net."):
        return name
    name = "model." + name.removeprefix("net.")
    for ours, theirs in RENAMED:
        name = name.replace(ours, theirs)
    return name


def load_official(network: AAVS, state_dict: Mapping[str, Tensor]) -> None:
    """Load a state dict of the authors' code into a network of the same form and number of classes.

    Raises:
        UserError: lists what is missing, unexpected or of another shape; the network is left unchanged.
    """
    ours = {official_name(name): name for name in network.state_dict()}
    weights: dict[str, Tensor] = {}
    original_names: dict[str, str] = {}
    for original, tensor in without_parallel_prefix(state_dict).items():
        if original == CLASS_WEIGHTS or original.endswith(f".{POSITION_INDEX}"):
            continue
        name = ours.get(original, original)
        weights[name] = tensor
        original_names[name] = original
    advice = "give the data set of the weights: data=avss for AVSS, another one for S4 and MS3"
    load_exactly(network, weights, subject="AAVS", advice=advice, original_names=original_names)


def to_official(network: AAVS) -> dict[str, Tensor]:
    """Return copies of the weights under the authors' names, with everything that their files hold."""
    exported = {official_name(name): tensor.detach().clone() for name, tensor in network.state_dict().items()}
    for name, buffer in network.named_buffers():
        if name.endswith(f".{POSITION_INDEX}"):
            area = round(len(buffer) ** 0.5)  # pixels of a window
            exported[official_name(name)] = buffer.view(area, area).clone()
    weights = torch.ones(network.net.class_predictor.out_features)
    weights[-1] = NO_OBJECT_WEIGHT
    exported[CLASS_WEIGHTS] = weights
    return exported
