"""Inputs of a person on one object in one frame, in order: points, a box, strokes, polygons, choices among masks.

The page sends actions on them ("put", "remove", "set"), each with the identifier of an input. An action that arrives
twice therefore has no further effect, and actions that wait for a slow answer stay valid.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from avseg.annotate.document.models import Box, Input, Json, Points, VideoFacts

PROMPTS = ("point", "box")
KINDS = (*PROMPTS, "stroke", "polygon", "choice")  # a choice: which of several masks that fit the prompts before it
MAX_INPUTS = 1000
_MAX_NUMBERS = 8000  # of the path of a stroke or polygon
_MAX_ID = 40  # characters
_MAX_RADIUS = 4096.0  # pixels
_MAX_COORDINATE = 1e6


@dataclass(frozen=True, slots=True)
class Action:
    """A change of the inputs: put or replace one, remove one, or replace all of them."""

    put: Input | None = None
    remove: str | None = None
    replacement: tuple[Input, ...] | None = None


def parse_actions(values: object, video: VideoFacts | None) -> tuple[Action, ...]:
    """Validate the JSON form of actions; ValueError says what is allowed."""
    if not isinstance(values, list | tuple) or not 1 <= len(values) <= MAX_INPUTS:
        raise ValueError("a list of one or more actions")
    return tuple(value if isinstance(value, Action) else _parse_action(value, video) for value in values)


def actions_to_json(actions: Sequence[Action]) -> list[Json]:
    """Convert actions to plain JSON, as in the journal."""
    rows: list[Json] = []
    for action in actions:
        if action.put is not None:
            rows.append({"put": input_to_json(action.put)})
        elif action.remove is not None:
            rows.append({"remove": action.remove})
        else:
            rows.append({"set": list(map(input_to_json, action.replacement or ()))})
    return rows


def input_to_json(item: Input) -> Json:
    """Convert an input to plain JSON."""
    row: Json = {"id": item.id, "kind": item.kind, "values": list(item.values)}
    if item.kind != "box":
        row["positive"] = int(item.positive)
    if item.kind == "stroke":
        row["radius"] = item.radius
    return row


def apply_action(inputs: tuple[Input, ...], action: Action) -> tuple[Input, ...]:
    """Return the inputs after an action; a new box replaces the old one, a moved input keeps its position."""
    return _without_empty_choices(_applied(inputs, action))


def _applied(inputs: tuple[Input, ...], action: Action) -> tuple[Input, ...]:
    if action.replacement is not None:
        return action.replacement
    if action.put is None:
        return tuple(item for item in inputs if item.id != action.remove)
    new = action.put
    if any(item.id == new.id for item in inputs):
        return tuple(new if item.id == new.id else item for item in inputs)
    kept = tuple(item for item in inputs if new.kind != "box" or item.kind != "box")
    return (*kept, new)


def _without_empty_choices(inputs: tuple[Input, ...]) -> tuple[Input, ...]:
    """Leave out choices whose prompts were removed."""
    kept: list[Input] = []
    for item in inputs:
        if item.kind != "choice" or (kept and kept[-1].kind in PROMPTS):
            kept.append(item)
    return tuple(kept)


def next_choice(inputs: Sequence[Input], count: int, step: int) -> Input | None:
    """Return the input that chooses the next of `count` candidates; None if the last input is of another kind."""
    if not inputs or inputs[-1].paints:
        return None
    last = inputs[-1]
    if last.kind == "choice":
        return replace(last, values=((int(last.values[0]) + step) % count, count))
    number = sum(item.kind == "choice" for item in inputs) + 1
    while any(item.id == f"choice-{number}" for item in inputs):
        number += 1
    return Input(f"choice-{number}", "choice", (step % count, count))


def points_of(inputs: Iterable[Input]) -> Points:
    """Return the points among inputs, as (x, y, 1 on the object or 0 off it)."""
    return tuple((*item.values, int(item.positive)) for item in inputs if item.kind == "point")  # type: ignore[misc]


def box_of(inputs: Iterable[Input]) -> Box | None:
    """Return the box among inputs; None if there is none."""
    return next((item.values for item in inputs if item.kind == "box"), None)  # type: ignore[return-value]


def source_of(inputs: Sequence[Input]) -> str:
    """Name the origin of a mask that was made from inputs, as in `models.HAND`."""
    if box_of(inputs) is not None:
        return "box"
    return "points" if points_of(inputs) else "brush"


def prompts_to_inputs(points: Points, box: Box | None) -> tuple[Input, ...]:
    """Convert points and a box of the programmatic API to inputs."""
    inputs = []
    if box is not None:
        inputs.append(Input("box", "box", tuple(map(float, box))))
    for index, (x, y, positive) in enumerate(points):
        inputs.append(Input(f"point-{index}", "point", (x, y), bool(positive)))
    return tuple(inputs)


def _parse_action(value: object, video: VideoFacts | None) -> Action:
    if not isinstance(value, Mapping) or len(value) != 1:
        raise ValueError("actions like {put: input}, {remove: id} or {set: [inputs]}")
    ((verb, content),) = value.items()
    if verb == "put":
        return Action(put=_parse_input(content, video))
    if verb == "remove":
        return Action(remove=_parse_id(content))
    if verb != "set" or not isinstance(content, list | tuple) or len(content) > MAX_INPUTS:
        raise ValueError("actions like {put: input}, {remove: id} or {set: [inputs]}")
    return Action(replacement=tuple(_parse_input(item, video) for item in content))


def _parse_id(value: object) -> str:
    if not isinstance(value, str) or not 1 <= len(value) <= _MAX_ID or not value.isascii() or not value.isprintable():
        raise ValueError(f"inputs with an id of 1 to {_MAX_ID} ASCII characters")
    return value


def _parse_input(value: object, video: VideoFacts | None) -> Input:
    if isinstance(value, Input):
        return value
    if not isinstance(value, Mapping) or not {"id", "kind", "values"} <= set(value):
        raise ValueError("inputs like {id, kind, values, positive, radius}")
    kind = value["kind"]
    if kind not in KINDS or not set(value) <= {"id", "kind", "values", "positive", "radius"}:
        raise ValueError(f"inputs of a kind among {', '.join(KINDS)}")
    numbers = _parse_numbers(value["values"])
    positive = value.get("positive", 1)
    if isinstance(positive, str | list) or positive not in (0, 1):
        raise ValueError("positive: 1 on the object, 0 off it")
    radius = _parse_numbers([value.get("radius", 0.0)])[0]
    if not 0 <= radius <= _MAX_RADIUS or (kind == "stroke" and radius == 0):
        raise ValueError(f"strokes with a radius of up to {_MAX_RADIUS:g} pixels")
    _check_geometry(kind, numbers, video)
    return Input(_parse_id(value["id"]), kind, numbers, bool(positive), radius)


def _parse_numbers(values: object) -> tuple[float, ...]:
    if not isinstance(values, list | tuple) or len(values) > _MAX_NUMBERS:
        raise ValueError(f"inputs with up to {_MAX_NUMBERS} numbers")
    numbers = []
    for value in values:
        try:
            number = math.nan if isinstance(value, bool | str) else float(value)
        except (TypeError, OverflowError):
            number = math.nan
        if not abs(number) <= _MAX_COORDINATE:  # NaN is refused too
            raise ValueError("inputs with finite numbers")
        numbers.append(number)
    return tuple(numbers)


def _check_geometry(kind: str, numbers: tuple[float, ...], video: VideoFacts | None) -> None:
    """Check the number of values of an input, and that points and boxes are in the frame."""
    if kind == "point" and len(numbers) != 2:
        raise ValueError("points [x, y]")
    if kind == "box" and (len(numbers) != 4 or numbers[0] >= numbers[2] or numbers[1] >= numbers[3]):
        raise ValueError("boxes [x0, y0, x1, y1]")
    if kind == "stroke" and (len(numbers) < 2 or len(numbers) % 2):
        raise ValueError("strokes [x0, y0, x1, y1, ...]")
    if kind == "polygon" and (len(numbers) < 6 or len(numbers) % 2):
        raise ValueError("polygons of three or more corners [x0, y0, x1, y1, ...]")
    if kind == "choice" and (len(numbers) != 2 or not 0 <= numbers[0] < numbers[1] or any(n % 1 for n in numbers)):
        raise ValueError("choices [index, number of candidates]")
    if video is None or kind not in PROMPTS:
        return
    outside = min(numbers) < 0 or max(numbers[::2]) > video.width or max(numbers[1::2]) > video.height
    if outside:
        raise ValueError(f"{kind} in the frame, {video.width}x{video.height} (width x height)")
