"""Write convolutional networks as ONNX, the format that OpenCV runs: a model is a protobuf message of a few types."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from avseg.annotate.backends.protobuf import write_field, write_number

_FLOAT, _INT, _INTS = 1, 2, 7  # types of values and of attributes
_OPSET = 13


class GraphWriter:
    """Collects the nodes of a network with one input (1, channels, height, width) float32."""

    def __init__(self) -> None:
        self._nodes: list[bytes] = []
        self._tensors: list[bytes] = []

    def conv(
        self, source: str, name: str, weight: npt.NDArray[Any], bias: npt.NDArray[Any], stride: int = 1, groups: int = 1
    ) -> str:
        """Add a convolution with a square kernel and TensorFlow's "same" padding for sides divisible by the stride."""
        kernel = weight.shape[-1]
        total = max(kernel - stride, 0)
        pads = [total // 2, total // 2, total - total // 2, total - total // 2]
        attributes = _ints("kernel_shape", [kernel, kernel]) + _ints("strides", [stride, stride]) + _ints("pads", pads)
        attributes += write_field(5, write_field(1, b"group") + write_number(3, groups) + write_number(20, _INT))
        inputs = [source, self._constant(f"{name}.weight", weight), self._constant(f"{name}.bias", bias)]
        return self._node("Conv", inputs, name, attributes)

    def clip(self, source: str, name: str, low: float, high: float) -> str:
        """Add a limit on both sides; the activation ReLU6 is one."""
        limits = [self._constant(f"{name}.low", np.array(low)), self._constant(f"{name}.high", np.array(high))]
        return self._node("Clip", [source, *limits], name)

    def add(self, first: str, second: str, name: str) -> str:
        """Add a sum of two maps."""
        return self._node("Add", [first, second], name)

    def model(self, source: str, size: tuple[int, int, int, int], outputs: Sequence[str]) -> npt.NDArray[np.uint8]:
        """Return the content of the file."""
        graph = b"".join(self._nodes) + write_field(2, b"network") + b"".join(self._tensors)
        graph += write_field(11, _value(source, [write_number(1, side) for side in size]))
        for output in outputs:
            graph += write_field(12, _value(output, [b""] * 4))  # of any size
        content = write_number(1, 8) + write_field(7, graph) + write_field(8, write_number(2, _OPSET))
        return np.frombuffer(content, np.uint8)

    def _node(self, operator: str, inputs: Sequence[str], name: str, attributes: bytes = b"") -> str:
        node = b"".join(write_field(1, source.encode()) for source in inputs) + write_field(2, name.encode())
        self._nodes.append(
            write_field(1, node + write_field(3, name.encode()) + write_field(4, operator.encode()) + attributes)
        )
        return name

    def _constant(self, name: str, values: npt.NDArray[Any]) -> str:
        tensor = (
            b"".join(write_number(1, side) for side in values.shape)
            + write_number(2, _FLOAT)
            + write_field(8, name.encode())
        )
        self._tensors.append(write_field(5, tensor + write_field(9, values.astype("<f4").tobytes())))
        return name


def _value(name: str, dimensions: Sequence[bytes]) -> bytes:
    shape = write_field(2, b"".join(write_field(1, dimension) for dimension in dimensions))
    return write_field(1, name.encode()) + write_field(2, write_field(1, write_number(1, _FLOAT) + shape))


def _ints(name: str, values: Sequence[int]) -> bytes:
    return write_field(
        5,
        write_field(1, name.encode()) + b"".join(write_number(8, value) for value in values) + write_number(20, _INTS),
    )
