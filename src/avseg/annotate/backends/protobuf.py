"""Write and read the fields of protobuf messages, of which ONNX files are made."""

from collections.abc import Iterator
from typing import NamedTuple

_FIXED = {1: 8, 5: 4}  # bytes of the wire types of fixed length


class Field(NamedTuple):
    """A field of a message."""

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


def write_field(number: int, content: bytes) -> bytes:
    """Encode a message or text as a field."""
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def write_number(number: int, value: int) -> bytes:
    """Encode a value >= 0 as a field."""
    return _varint(number << 3) + _varint(value)


def read_fields(content: memoryview) -> Iterator[Field]:
    """Read the fields of a message one by one.

    Raises:
        ValueError: a field of an unknown type, or one that reaches beyond the content.
        IndexError: the content ends within a number.
    """
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


def _varint(value: int) -> bytes:
    """Encode a number in groups of 7 bits, the lowest first."""
    groups = bytearray()
    while value > 127:
        groups.append(value & 127 | 128)
        value >>= 7
    return bytes([*groups, value])


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
