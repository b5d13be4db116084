from pathlib import Path

import numpy as np
import pytest

from avseg.annotate.backends import make_segmenter
from avseg.annotate.backends.isnet.onnx_graph import read_graph
from avseg.annotate.backends.light.onnx_file import GraphWriter
from avseg.annotate.backends.opencv import cv
from avseg.annotate.protocols import Image
from avseg.utils.errors import UserError

SIDE = 32


def red_detector(outputs: int = 1, side: int = SIDE) -> bytes:
    """Write a network that says 1 where red exceeds blue by half of the range, and 0 where it does not."""
    writer = GraphWriter()
    weight = np.array([8.0, 0, -8.0]).reshape(1, 3, 1, 1)
    writer.conv("image", "difference", np.repeat(weight, outputs, 0), np.full(outputs, -1.5))
    return writer.model("image", (1, 3, side, side), [writer.clip("difference", "mask", 0, 1)]).tobytes()


def fix_output_shape(content: bytes, channels: int = 1, side: int = SIDE) -> bytes:
    """Give the sides of the output, which `GraphWriter` leaves open."""
    opened = bytes([0x0A, 0x00] * 4)
    assert content.count(opened) == 1
    fixed = bytes([0x0A, 2, 8, 1, 0x0A, 2, 8, channels, 0x0A, 2, 8, side, 0x0A, 2, 8, side])
    start = content.index(opened)
    body = bytearray(content[:start] + fixed + content[start + len(opened) :])
    # the lengths of shape, tensor type, type, output and graph grow by 8
    for position in (start - 1, start - 5, start - 7):
        body[position] += 8
    name = body.rindex(b"\x62", 0, start - 7)  # field 12, the output
    body[name + 1] += 8
    _grow_graph(body, 8)
    return bytes(body)


def _grow_graph(body: bytearray, count: int) -> None:
    """Add to the length of the graph, the field behind the version of the file."""
    assert body[2] == 0x3A
    length = (body[3] & 127) | body[4] << 7
    body[3], body[4] = (length + count) & 127 | 128, (length + count) >> 7


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    path = tmp_path / "isnet.onnx"
    path.write_bytes(fix_output_shape(red_detector()))
    return path


def scene() -> Image:
    image = np.full((120, 160, 3), 90, np.uint8)
    image[40:80, 50:90] = (230, 40, 20)
    image[20:60, 110:150] = (230, 40, 20)
    return image


def test_a_box_takes_what_the_network_shows_in_it(weights: Path) -> None:
    segmenter = make_segmenter("isnet", weights=weights)
    encoded = segmenter.encode(scene())
    best, *others = segmenter.predict(encoded, box=(40, 30, 100, 90))
    expected = np.zeros((120, 160), np.bool_)
    expected[40:80, 50:90] = True
    assert (best.mask & expected).sum() / (best.mask | expected).sum() > 0.85
    assert best.score > 0.8
    assert len(others) == 3  # those of light


def test_clicks_and_an_empty_box_are_left_to_light(weights: Path) -> None:
    segmenter, light = make_segmenter("isnet", weights=weights), make_segmenter("light")
    encoded = segmenter.encode(scene())
    for prompts in ({"points": [(70, 60, True)]}, {"box": (2, 82, 60, 118)}):
        one, two = segmenter.predict(encoded, **prompts), light.predict(encoded, **prompts)
        assert len(one) == len(two)
        np.testing.assert_array_equal(one[0].mask, two[0].mask)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"PK\x03\x04 no protobuf at all", "not an ONNX model"),
        (b"", "not an ONNX model"),
        (fix_output_shape(red_detector())[:300], "the file is cut off"),
        (fix_output_shape(red_detector(2), 2), r"inputs \[\(1, 3, 32, 32\)\], first output \(1, 2, 32, 32\)"),
        (red_detector(), r"inputs \[\(1, 3, 32, 32\)\], first output \(0, 0, 0, 0\)"),
    ],
)
def test_other_files_are_refused_in_one_line(content: bytes, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "other.onnx"
    path.write_bytes(content)
    with pytest.raises(UserError, match=rf"other\.onnx: {reason}; expected is ISNet") as refusal:
        make_segmenter("isnet", weights=path)
    assert "\n" not in str(refusal.value)


def test_no_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="'isnet': no weights"):
        make_segmenter("isnet")
    with pytest.raises(UserError, match="cannot be read"):
        make_segmenter("isnet", weights=tmp_path)


def test_nodes_are_sorted(weights: Path) -> None:
    # the two nodes are the first fields of the graph; the length of the first takes two bytes
    content = weights.read_bytes()
    start = 5
    first = start + 3 + (content[start + 1] & 127 | content[start + 2] << 7)
    second = first + 2 + content[first + 1]
    swapped = content[:start] + content[first:second] + content[start:first] + content[second:]
    assert swapped != content
    graph = read_graph(swapped)
    assert graph.inputs == {"image": (1, 3, SIDE, SIDE)}
    assert graph.outputs == {"mask": (1, 1, SIDE, SIDE)}
    net = cv.dnn.readNetFromONNX(graph.model)
    net.setInput(np.ones((1, 3, SIDE, SIDE), np.float32))
    assert net.forward("mask").shape == (1, 1, SIDE, SIDE)
