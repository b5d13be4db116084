"""Official AVSBench model weights, in both directions.

The official models name the same parameters in their own way. The ResNet50 model also carries second copies of two
stages, `layer3_2` and `layer4_2`, that nothing uses: they are dropped on import and written as copies on export.
"""

import re
from collections.abc import Mapping

from torch import Tensor

from avseg.models.avs.network import AVSModel
from avseg.utils.errors import UserError

# (official, ours), both as prefixes of one parameter; {0} is the stage, 1 to 4, and {1} is the stage counted from 0
MODEL_PARTS = (
    ("conv{0}.conv2d_list.", "neck.{1}.branches."),
    ("path{0}.resConfUnit1.", "decoder.paths.{1}.stage_unit."),
    ("path{0}.resConfUnit2.", "decoder.paths.{1}.refine_unit."),
    ("tpavi_b{0}.", "tpavi.{0}."),
)
RESNET_PARTS = (("resnet.layer3_1.", "backbone.net.layer3."), ("resnet.layer4_1.", "backbone.net.layer4."))
PVT_PARTS = (
    ("encoder_backbone.patch_embed1.", "backbone.net.patch_embed."),
    *((f"encoder_backbone.patch_embed{s}.", f"backbone.net.stages_{s - 1}.downsample.") for s in (2, 3, 4)),
    *((f"encoder_backbone.block{s}.", f"backbone.net.stages_{s - 1}.blocks.") for s in (1, 2, 3, 4)),
    *((f"encoder_backbone.norm{s}.", f"backbone.net.stages_{s - 1}.norm.") for s in (1, 2, 3, 4)),
)
# 1x1x1 convolutions, which the model holds as matrices
POINTWISE = re.compile(r"tpavi_b\d\.(g|theta|phi|W_z\.0)\.weight")
UNUSED_COPIES = re.compile(r"resnet\.layer[34]_2\.")
UNUSED_HEAD = re.compile(r"encoder_backbone\.head\.|resnet\.fc\.")


def load_weights(model: AVSModel, state_dict: Mapping[str, Tensor]) -> None:
    """Loads an official AVSBench state dict into the model.

    Args:
        model: a model with backbone resnet50 or pvt_v2_*, the same fusion stages and number of classes.
        state_dict: official names; a leading `module.` (saved from a parallel model) is taken off.

    Raises:
        UserError: names what is missing, unexpected or of another shape; the model is left unchanged.
    """
    rules = _rules(model)
    official = {name.removeprefix("module."): tensor for name, tensor in state_dict.items()}
    wanted = model.state_dict()
    given = {
        _rename(name, rules): _as_matrix(tensor) if POINTWISE.fullmatch(name) else tensor
        for name, tensor in official.items()
        if not (UNUSED_COPIES.match(name) or UNUSED_HEAD.match(name))
    }
    # counters that torch added to BatchNorm later; they change nothing
    given = {name: wanted[name] for name in wanted if name.endswith("num_batches_tracked")} | given
    _check_fit(wanted, given, {ours: theirs for theirs, ours in ((n, _rename(n, rules)) for n in official)})
    model.load_state_dict(given)


def export_weights(model: AVSModel) -> dict[str, Tensor]:
    """The model's weights under the official AVSBench names, copies for the official code's unused stages included.

    Raises:
        UserError: the official code has no model with this backbone.
    """
    rules = [(ours, theirs) for theirs, ours in _rules(model)]
    exported = {}
    for name, tensor in model.state_dict().items():
        official = _rename(name, rules)
        tensor = tensor[..., None, None, None] if POINTWISE.fullmatch(official) else tensor
        exported[official] = tensor.detach().clone()
        if re.match(r"resnet\.layer[34]_1\.", official):
            exported[official.replace("_1.", "_2.", 1)] = tensor.detach().clone()
    return exported


def _rules(model: AVSModel) -> list[tuple[str, str]]:
    """Prefixes (official, ours); the first that matches counts."""
    name = model.backbone.name.partition(".")[0]
    rules = [(theirs.format(s, s - 1), ours.format(s, s - 1)) for theirs, ours in MODEL_PARTS for s in (1, 2, 3, 4)]
    rules.append(("output_conv.", "decoder.head."))
    if name == "resnet50":
        return [*rules, *RESNET_PARTS, ("resnet.", "backbone.net.")]
    if name.startswith("pvt_v2_b"):
        return [*rules, *PVT_PARTS]
    raise UserError(
        f"backbone: official AVSBench models have resnet50 or pvt_v2_b*, not '{name}'; convert one of those"
    )


def _rename(name: str, rules: list[tuple[str, str]]) -> str:
    for old, new in rules:
        if name.startswith(old):
            renamed = new + name.removeprefix(old)
            # the one place where a name differs behind its prefix: the official depth-wise convolution is wrapped twice
            if old.startswith("encoder_backbone."):
                return renamed.replace("dwconv.dwconv.", "dwconv.")
            if new.startswith("encoder_backbone."):
                return renamed.replace("dwconv.", "dwconv.dwconv.")
            return renamed
    return name


def _as_matrix(weight: Tensor) -> Tensor:
    return weight.flatten(1) if weight.ndim == 5 else weight


def _check_fit(wanted: Mapping[str, Tensor], given: Mapping[str, Tensor], official_names: Mapping[str, str]) -> None:
    missing = [name for name in wanted if name not in given]
    unexpected = [official_names[name] for name in given if name not in wanted]
    shapes = [
        f"{official_names[name]} {tuple(given[name].shape)} instead of {tuple(tensor.shape)}"
        for name, tensor in wanted.items()
        if name in given and given[name].shape != tensor.shape
    ]
    problems = [("missing", missing), ("unexpected", unexpected), ("of another shape", shapes)]
    told = [f"{len(names)} {kind} ({_first(names)})" for kind, names in problems if names]
    if told:
        raise UserError(
            f"weights: do not fit the model: {'; '.join(told)}; check backbone, fusion stages and number of classes"
        )


def _first(names: list[str], count: int = 3) -> str:
    return ", ".join(names[:count]) + (", ..." if len(names) > count else "")
