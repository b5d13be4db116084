"""Read the graph of an ONNX file: the shapes of its inputs and outputs, and its nodes in an order that OpenCV takes.

OpenCV refuses nodes that come before those whose outputs they read. Converters to half precision write such files.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from avseg.annotate.backends.protobuf import Field, read_fields, write_field

Shape = tuple[int, ...]  # 0 for a side that is not fixed
_NODE, _INITIALIZER, _INPUT, _OUTPUT = 1, 5, 11, 12  # fields of a graph
_GRAPH = 7  # field of a model


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
        graphs, others = _divide(read_fields(memoryview(content)), _GRAPH)
        nodes, rest = _divide(read_fields(graphs[0].content), _NODE)
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
    content = _joined(others) + write_field(_GRAPH, body)
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
    return {field.text for field in _divide(read_fields(content), number)[0]}


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
            shapes[name] = tuple(map(_side, read_fields(dimensions)))
    return shapes


def _side(dimension: Field) -> int:
    for field in read_fields(dimension.content):
        if field.number == 1 and isinstance(field.value, int):
            return field.value
    return 0


def _message(content: memoryview, number: int) -> memoryview:
    """Return the content of a field, empty if there is none."""
    chosen, _ = _divide(read_fields(content), number)
    return chosen[0].content if chosen else memoryview(b"")
