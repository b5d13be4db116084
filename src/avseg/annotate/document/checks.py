"""What the values in an operation may be: each check gives the value back in plain form, or says what is allowed."""

import math
import operator
from collections.abc import Callable
from typing import Any

from avseg.annotate.document import rle
from avseg.annotate.document.models import VideoFacts
from avseg.utils.errors import nearest

Check = Callable[[Any, VideoFacts], Any]

MOST_POINTS = 1000
LONGEST_TEXT = 200


class Refused(Exception):
    """A value that does not fit; the message says what is allowed."""


def _whole(value: Any) -> int:
    if isinstance(value, bool):
        raise Refused("a whole number")
    try:
        return operator.index(value)
    except TypeError:
        raise Refused("a whole number") from None


def _number(value: Any) -> float:
    if isinstance(value, bool | str):
        raise Refused("a number")
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        raise Refused("a number") from None
    if not math.isfinite(number):
        raise Refused("a finite number")
    return number


def name(value: Any, video: VideoFacts) -> int:
    """The number of an object or a segment."""
    number = _whole(value)
    if not 0 < number < 1 << 31:
        raise Refused("a number from 1")
    return number


def names(value: Any, video: VideoFacts) -> list[int]:
    """Two or more of them."""
    if not isinstance(value, list | tuple) or not 2 <= len(value) <= 1000:
        raise Refused("a list of two or more")
    distinct = sorted({name(each, video) for each in value})
    if len(distinct) < 2:
        raise Refused("a list of two or more that differ")
    return distinct


def version(value: Any, video: VideoFacts) -> int:
    """A version of the document."""
    number = _whole(value)
    if not 0 <= number < 1 << 53:
        raise Refused("a version from 0")
    return number


def frame(value: Any, video: VideoFacts) -> int:
    """A frame of the video."""
    number = _whole(value)
    if not 0 <= number < video.frames:
        raise Refused(f"0 to {video.frames - 1}, the video's frames")
    return number


def edge(value: Any, video: VideoFacts) -> int:
    """A segment's edge: a frame, or the one after the last."""
    number = _whole(value)
    if not 0 <= number <= video.frames:
        raise Refused(f"0 to {video.frames}, the video's frames and their end")
    return number


def frames(value: Any, video: VideoFacts) -> list[int]:
    """Frames, ascending, each once."""
    if not isinstance(value, list | tuple | range) or not len(value) or len(value) > video.frames:
        raise Refused("a list of one or more frames, each once")
    return sorted({frame(each, video) for each in value})


def text(value: Any, video: VideoFacts) -> str:
    """One line."""
    if not isinstance(value, str) or not value.strip() or len(value) > LONGEST_TEXT or not value.isprintable():
        raise Refused(f"a text of one line, 1 to {LONGEST_TEXT} characters")
    return value.strip()


def points(value: Any, video: VideoFacts) -> list[list[Any]]:
    """Points [x, y, 1 on the object or 0 off it], in pixels."""
    if not isinstance(value, list | tuple) or len(value) > MOST_POINTS:
        raise Refused(f"a list of up to {MOST_POINTS} points [x, y, 1 or 0]")
    return [_point(point, video) for point in value]


def _point(value: Any, video: VideoFacts) -> list[Any]:
    if not isinstance(value, list | tuple) or len(value) != 3:
        raise Refused("points [x, y, 1 or 0]")
    x, y = _number(value[0]), _number(value[1])
    if not (0 <= x <= video.width and 0 <= y <= video.height):
        raise Refused(f"points in the picture, {video.width}x{video.height} (width x height)")
    if isinstance(value[2], str | list) or value[2] not in (0, 1):
        raise Refused("points [x, y, 1 or 0]: 1 on the object, 0 off it")
    return [x, y, int(value[2])]


def box(value: Any, video: VideoFacts) -> list[float]:
    """[x0, y0, x1, y1] in pixels."""
    if not isinstance(value, list | tuple) or len(value) != 4:
        raise Refused("[x0, y0, x1, y1]")
    x0, y0, x1, y1 = (_number(each) for each in value)
    if not (0 <= x0 < x1 <= video.width and 0 <= y0 < y1 <= video.height):
        raise Refused(f"[x0, y0, x1, y1] in the picture, {video.width}x{video.height} (width x height)")
    return [x0, y0, x1, y1]


def mask(value: Any, video: VideoFacts) -> dict[str, Any]:
    """Run lengths of the video's size."""
    counts = rle.check(value, (video.height, video.width))
    return {"size": [video.height, video.width], "counts": counts.decode("ascii")}


def share(value: Any, video: VideoFacts) -> float:
    """0 to 1."""
    number = _number(value)
    if not 0 <= number <= 1:
        raise Refused("0 to 1")
    return number


def amount(value: Any, video: VideoFacts) -> float:
    """Seconds."""
    number = _number(value)
    if not 0 <= number <= 1e6:
        raise Refused("seconds from 0 to a million")
    return number


def count(value: Any, video: VideoFacts) -> int:
    """Clicks."""
    number = _whole(value)
    if not 0 <= number <= 1_000_000:
        raise Refused("0 to a million")
    return number


def terms(value: Any, video: VideoFacts) -> dict[str, float]:
    """Numbers by name."""
    if not isinstance(value, dict) or len(value) > 100:
        raise Refused("a mapping of names to numbers")
    return {text(key, video): _number(value[key]) for key in value}


def one_of(*allowed: str) -> Check:
    """A check for one of these words."""

    def checker(value: Any, video: VideoFacts) -> str:
        if not isinstance(value, str) or value not in allowed:
            raise Refused(", ".join(allowed) + nearest(str(value), allowed))
        return value

    return checker
