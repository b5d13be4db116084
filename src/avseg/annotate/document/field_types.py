"""Field types of operations: each validator returns a value in plain form, or raises ValueError with what is allowed.

`info.context` holds the VideoFacts; it is None for operations from the journal, which were validated before they were
written.
"""

import math
import operator
from collections.abc import Callable
from typing import Annotated, Any

from pydantic import PlainSerializer, PlainValidator, ValidationInfo
from pydantic_core import PydanticCustomError

from avseg.annotate.document import rle
from avseg.annotate.document.inputs import Action, actions_to_json, parse_actions
from avseg.annotate.document.models import DERIVED, HAND, SEGMENT_STATUSES, STATUSES, Box, Points, VideoFacts
from avseg.annotate.document.rle import RLE
from avseg.utils.errors import UserError, nearest
from avseg.utils.names import is_one_line

_MAX_POINTS = 1000
_MAX_TEXT = 200  # characters
_MAX_SEGMENTS = 1000
_MAX_TERMS = 100


def _integer(value: Any) -> int:
    if isinstance(value, bool) or not hasattr(value, "__index__"):  # NumPy integers have it too
        raise ValueError("a whole number")
    return operator.index(value)


def _number(value: Any) -> float:
    if isinstance(value, bool | str):  # float() would accept them
        raise ValueError("a number")
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        raise ValueError("a number") from None
    if not math.isfinite(number):
        raise ValueError("a finite number")
    return number


def _between(convert: Callable[[object], float], low: float, high: float, allowed: str) -> Callable[[object], float]:
    def check(value: object) -> float:
        number = convert(value)
        if not low <= number <= high:
            raise ValueError(allowed)
        return number

    return check


def _one_of(*allowed: str) -> PlainValidator:
    def check(value: object) -> object:
        if value not in allowed:
            raise ValueError(", ".join(allowed) + nearest(str(value), allowed))
        return value

    return PlainValidator(check)


def _frame(value: object, info: ValidationInfo) -> int:
    number = _integer(value)
    if info.context is not None and not 0 <= number < info.context.frames:
        raise ValueError(f"0 to {info.context.frames - 1}, the video's frames")
    return number


def _edge(value: object, info: ValidationInfo) -> int:
    # the end of a segment is the frame after its last one
    number = _integer(value)
    if info.context is not None and not 0 <= number <= info.context.frames:
        raise ValueError(f"0 to {info.context.frames}, the video's frames and their end")
    return number


def _frames(value: object, info: ValidationInfo) -> tuple[int, ...]:
    max_length = info.context.frames if info.context is not None else math.inf
    if not isinstance(value, list | tuple | range) or not 1 <= len(value) <= max_length:
        raise ValueError("a list of one or more frames, each once")
    return tuple(sorted({_frame(frame, info) for frame in value}))  # ascending, each once


def _segment_ids(value: object) -> tuple[float, ...]:
    if not isinstance(value, list | tuple) or not 2 <= len(value) <= _MAX_SEGMENTS:
        raise ValueError("a list of two or more")
    distinct = set(map(_id, value))
    if len(distinct) < 2:
        raise ValueError("a list of two or more that differ")
    return tuple(sorted(distinct))


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > _MAX_TEXT or not is_one_line(value):
        raise ValueError(f"a text of one line, 1 to {_MAX_TEXT} characters")
    return value.strip()


def _points(value: object, info: ValidationInfo) -> Points:
    if not isinstance(value, list | tuple) or len(value) > _MAX_POINTS:
        raise ValueError(f"a list of up to {_MAX_POINTS} points [x, y, 1 or 0]")
    return tuple(_point(point, info.context) for point in value)


def _point(value: object, video: VideoFacts | None) -> tuple[float, float, int]:
    if not isinstance(value, list | tuple) or len(value) != 3:
        raise ValueError("points [x, y, 1 or 0]")
    x, y = map(_number, value[:2])
    if video is not None and not (0 <= x <= video.width and 0 <= y <= video.height):
        raise ValueError(f"points in the frame, {video.width}x{video.height} (width x height)")
    if isinstance(value[2], str | list) or value[2] not in (0, 1):
        raise ValueError("points [x, y, 1 or 0]: 1 on the object, 0 off it")
    return x, y, int(value[2])


def _box(value: object, info: ValidationInfo) -> Box:
    if not isinstance(value, list | tuple) or len(value) != 4:
        raise ValueError("[x0, y0, x1, y1]")
    x0, y0, x1, y1 = map(_number, value)
    video = info.context
    if video is not None and not (0 <= x0 < x1 <= video.width and 0 <= y0 < y1 <= video.height):
        raise ValueError(f"[x0, y0, x1, y1] in the frame, {video.width}x{video.height} (width x height)")
    return x0, y0, x1, y1


def _actions(value: object, info: ValidationInfo) -> tuple[Action, ...]:
    return parse_actions(value, info.context)


def _mask(value: Any, info: ValidationInfo) -> RLE:
    if info.context is None:  # decoding every mask would slow down the opening of a long journal
        return {"size": value["size"], "counts": value["counts"]}
    size = (info.context.height, info.context.width)
    try:
        counts = rle.check(value, size)
    except UserError as error:
        # its own type: the message describes the mask instead of listing what is allowed
        raise PydanticCustomError("mask", "{reason}", {"reason": str(error)}) from None
    return {"size": list(size), "counts": counts.decode("ascii")}


def _terms(value: object) -> dict[str, float]:
    if not isinstance(value, dict) or len(value) > _MAX_TERMS:
        raise ValueError("a mapping of names to numbers")
    return {_text(name): _number(term) for name, term in value.items()}


_id = _between(_integer, 1, (1 << 31) - 1, "a number from 1")
check_version = _between(_integer, 0, (1 << 53) - 1, "a version from 0")
Id = Annotated[int, PlainValidator(_id)]
Version = Annotated[int, PlainValidator(check_version)]
Frame = Annotated[int, PlainValidator(_frame)]
Frames = Annotated[tuple[int, ...], PlainValidator(_frames)]
Edge = Annotated[int, PlainValidator(_edge)]
Text = Annotated[str, PlainValidator(_text)]
PromptPoints = Annotated[Points, PlainValidator(_points)]
PromptBox = Annotated[Box, PlainValidator(_box)]
Actions = Annotated[tuple[Action, ...], PlainValidator(_actions), PlainSerializer(actions_to_json)]
Mask = Annotated[RLE, PlainValidator(_mask)]
SegmentIds = Annotated[tuple[int, ...], PlainValidator(_segment_ids)]
Score = Annotated[float, PlainValidator(_between(_number, 0, 1, "0 to 1"))]
Seconds = Annotated[float, PlainValidator(_between(_number, 0, 1e6, "seconds from 0 to a million"))]
Clicks = Annotated[int, PlainValidator(_between(_integer, 0, 1_000_000, "0 to a million"))]
Terms = Annotated[dict[str, float], PlainValidator(_terms)]
VideoStatus = Annotated[str, _one_of(*STATUSES)]
SegmentStatus = Annotated[str, _one_of(*SEGMENT_STATUSES)]
DerivedSource = Annotated[str, _one_of(*DERIVED)]
Source = Annotated[str, _one_of(*HAND, *DERIVED)]
