"""Names of ResNet50 and PVT-v2 in the weights of AVSBench and of the models that build on its code."""

from collections.abc import Iterable

from avseg.utils.errors import UserError

# (official behind its prefix, ours); {0} is the stage, 1 to 4, and {1} is the stage counted from 0
_RESNET = (
    ("layer3_1.", "backbone.net.layer3."),
    ("layer4_1.", "backbone.net.layer4."),
    ("", "backbone.net."),
)
_PVT = (
    ("patch_embed1.", "backbone.net.patch_embed."),
    ("patch_embed{0}.", "backbone.net.stages_{1}.downsample."),
    ("block{0}.", "backbone.net.stages_{1}.blocks."),
    ("norm{0}.", "backbone.net.stages_{1}.norm."),
)


def backbone_prefixes(backbone: str, resnet: str = "backbone.", pvt: str = "backbone.") -> list[tuple[str, str]]:
    """List prefixes (official, ours) of a backbone whose official names begin with `resnet` or `pvt`.

    Raises:
        UserError: the official code has no model with this backbone.
    """
    name = backbone.partition(".")[0]
    patterns: tuple[tuple[str, str], ...]
    if name == "resnet50":
        start, patterns = resnet, _RESNET
    elif name.startswith("pvt_v2_b"):
        start, patterns = pvt, _PVT
    else:
        raise UserError(
            f"backbone: official AVSBench models have resnet50 or pvt_v2_b*, not '{backbone}'; convert one of those"
        )
    prefixes: list[tuple[str, str]] = []
    for official, ours in patterns:
        for stage in (1, 2, 3, 4):
            prefixes.append((start + official.format(stage, stage - 1), ours.format(stage, stage - 1)))
    return prefixes


def rename(name: str, prefixes: Iterable[tuple[str, str]]) -> str:
    """Replace the first prefix (old, new) that matches; the name itself where none does."""
    for old, new in prefixes:
        if name.startswith(old):
            return new + _rename_depthwise(name.removeprefix(old))
    return name


def _rename_depthwise(name: str) -> str:
    """Rename the only layer that differs behind its prefix: the official depth-wise convolution is wrapped twice."""
    if "dwconv.dwconv." in name:
        return name.replace("dwconv.dwconv.", "dwconv.")
    return name.replace(".dwconv.", ".dwconv.dwconv.")
