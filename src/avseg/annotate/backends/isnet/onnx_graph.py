"""Read the graph of an ONNX file: the shapes of its inputs and outputs, and its nodes in an order that OpenCV takes.

OpenCV refuses nodes that come before those whose outputs they read. Converters to half precision write such files.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Shape = tuple[int, ...]  # 0 for a side that is not fixed
_NODE, _INITIALIZER, _INPUT, _OUTPUT = 1, 5, 11, 12  # fields of a graph
_GRAPH = 7  # field of a model
_FIXED = {1: 8, 5: 4}  # bytes of the wire types of fixed length


class Field(NamedTuple):
    """A field of a protobuf message."""

    number: int
    value: int | memoryview
    raw: memoryview  # with number and length

    @property
    def content(self) -> memoryview:
        """The bytes of a message or text."""
        if isinstance(self.value, int):
            raise ValueError("a number instead of a message")
        return self.value

    @property
    def text(self) -> str:
        """The content as text."""
        return bytes(self.content).decode()


class OnnxGraph(NamedTuple):
    """An ONNX model: shapes by name, in the order of the file, and the model with sorted nodes."""

    inputs: dict[str, Shape]
    outputs: dict[str, Shape]
    model: npt.NDArray[np.uint8]


def read_graph(content: bytes) -> OnnxGraph:
    """Read a model.

    Raises:
        ValueError: it is not an ONNX model.
    """
    try:
        graphs, others = _divide(_fields(memoryview(content)), _GRAPH)
        nodes, rest = _divide(_fields(graphs[0].content), _NODE)
        nodes = _sorted(nodes)
        # files of old versions list the weights as inputs too
        weights: set[str] = set()
        for weight in _divide(rest, _INITIALIZER)[0]:
            weights |= _texts(weight.content, 8)
        inputs = _shapes(rest, _INPUT, without=weights)
        outputs = _shapes(rest, _OUTPUT)
    except (IndexError, UnicodeDecodeError) as error:
        raise ValueError("not an ONNX model") from error
    body = _joined([*nodes, *rest])
    content = _joined(others) + _varint(_GRAPH << 3 | 2) + _varint(len(body)) + body
    return OnnxGraph(inputs, outputs, np.frombuffer(content, np.uint8))


def _divide(fields: Iterable[Field], number: int) -> tuple[list[Field], list[Field]]:
    """Divide fields into those of a number and the others."""
    chosen: list[Field] = []
    others: list[Field] = []
    for field in fields:
        (chosen if field.number == number else others).append(field)
    return chosen, others


def _joined(fields: Iterable[Field]) -> bytes:
    return b"".join(field.raw for field in fields)


def _texts(content: memoryview, number: int) -> set[str]:
    """Return the texts of a repeated field of a message."""
    return {field.text for field in _divide(_fields(content), number)[0]}


def _sorted(nodes: Sequence[Field]) -> list[Field]:
    """Put each node behind those whose outputs it reads, and leave the order as it is otherwise."""
    names: dict[int, list[set[str]]] = {1: [], 2: []}  # inputs and outputs of each node
    for node in nodes:
        for number, sets in names.items():
            sets.append(_texts(node.content, number))
    missing = set().union(*names[2])  # outputs of nodes that are still waiting
    ordered: list[Field] = []
    waiting = list(range(len(nodes)))
    while waiting:
        left = []
        for index in waiting:
            if names[1][index] & missing:
                left.append(index)
            else:
                ordered.append(nodes[index])
                missing -= names[2][index]
        if len(left) == len(waiting):
            raise ValueError("its nodes form a circle")
        waiting = left
    return ordered


def _shapes(fields: Sequence[Field], number: int, without: Collection[str] = ()) -> dict[str, Shape]:
    """Read names and shapes of the inputs or outputs; those that are not tensors have the shape ()."""
    shapes: dict[str, Shape] = {}
    for field in _divide(fields, number)[0]:
        name = bytes(_message(field.content, 1)).decode()
        # type, tensor type, shape
        dimensions = _message(_message(_message(field.content, 2), 1), 2)
        if name not in without:
            shapes[name] = tuple(map(_side, _fields(dimensions)))
    return shapes


def _side(dimension: Field) -> int:
    for field in _fields(dimension.content):
        if field.number == 1 and isinstance(field.value, int):
            return field.value
    return 0


def _message(content: memoryview, number: int) -> memoryview:
    """Return the content of a field, empty if there is none."""
    chosen, _ = _divide(_fields(content), number)
    return chosen[0].content if chosen else memoryview(b"")


def _fields(content: memoryview) -> Iterator[Field]:
    position = 0
    while position < len(content):
        start = position
        key, position = _read_varint(content, position)
        wire = key & 7
        value: int | memoryview
        if wire == 0:
            value, position = _read_varint(content, position)
        else:
            if wire == 2:
                length, position = _read_varint(content, position)
            elif wire in _FIXED:
                length = _FIXED[wire]
            else:
                raise ValueError("not an ONNX model")
            if position + length > len(content):
                raise ValueError("the file is cut off")
            value = content[position : position + length]
            position += length
        yield Field(key >> 3, value, content[start:position])


def _read_varint(content: memoryview, position: int) -> tuple[int, int]:
    """Return a number in groups of 7 bits, the lowest first, and the position behind it."""
    value = shift = 0
    while True:
        group = content[position]
        position += 1
        value |= (group & 127) << shift
        shift += 7
        if group < 128:
            return value, position


def _varint(number: int) -> bytes:
    groups = bytearray()
    while number > 127:
        groups.append(number & 127 | 128)
        number >>= 7
    return bytes([*groups, number])
