"""Operations on an annotation: one frozen dataclass each, validated by pydantic against the size of the video.

Constructing an operation checks nothing; `check_operation` does, so that all values meet the same rules and the same
error messages, whether they come from Python code, the web page or a plan. JSON keys (journal, page, plan) are the
field names without the suffix of identifiers: `object_id` is "object". Whether an object or a segment exists is known
to `apply`, not here.
"""

import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Annotated, Any, ClassVar, Literal, get_args

from pydantic import BeforeValidator, ConfigDict, Field, PlainValidator, TypeAdapter, ValidationError, ValidationInfo
from pydantic_core import ErrorDetails, PydanticCustomError

from avseg.annotate.document import rle
from avseg.annotate.document.models import DERIVED, HAND, SEGMENT_STATUSES, STATUSES, Box, Points, VideoFacts
from avseg.annotate.document.rle import RLE
from avseg.utils.errors import UserError, nearest

MAX_POINTS = 1000
MAX_TEXT_LENGTH = 200
_MAX_SEGMENTS = 1000
_MAX_TERMS = 100

# Validators return the value in plain form, or raise ValueError with what is allowed. `info.context` holds the
# VideoFacts; it is None for operations from the journal, which were checked before they were written.


def _integer(value: object) -> int:
    if isinstance(value, bool):
        raise ValueError("a whole number")
    try:
        return operator.index(value)  # type: ignore[arg-type]  # also NumPy integers
    except TypeError:
        raise ValueError("a whole number") from None


def _finite(value: object) -> float:
    if isinstance(value, bool | str):
        raise ValueError("a number")
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        raise ValueError("a number") from None
    if not math.isfinite(number):
        raise ValueError("a finite number")
    return number


def _between(convert: Callable[[object], float], low: float, high: float, allowed: str) -> PlainValidator:
    def check(value: object) -> float:
        number = convert(value)
        if not low <= number <= high:
            raise ValueError(allowed)
        return number

    return PlainValidator(check)


def _one_of(*allowed: str) -> PlainValidator:
    def check(value: object) -> str:
        if not isinstance(value, str) or value not in allowed:
            raise ValueError(", ".join(allowed) + nearest(str(value), allowed))
        return value

    return PlainValidator(check)


def _frame(value: object, info: ValidationInfo) -> int:
    number, video = _integer(value), info.context
    if video is not None and not 0 <= number < video.frames:
        raise ValueError(f"0 to {video.frames - 1}, the video's frames")
    return number


def _edge(value: object, info: ValidationInfo) -> int:
    """Check an edge of a segment: a frame, or the one after the last."""
    number, video = _integer(value), info.context
    if video is not None and not 0 <= number <= video.frames:
        raise ValueError(f"0 to {video.frames}, the video's frames and their end")
    return number


def _frames(value: object, info: ValidationInfo) -> tuple[int, ...]:
    video = info.context
    if not isinstance(value, list | tuple | range) or not value or (video is not None and len(value) > video.frames):
        raise ValueError("a list of one or more frames, each once")
    return tuple(sorted({_frame(frame, info) for frame in value}))


def _id(value: object) -> int:
    number = _integer(value)
    if not 0 < number < 1 << 31:
        raise ValueError("a number from 1")
    return number


def _version(value: object) -> int:
    number = _integer(value)
    if not 0 <= number < 1 << 53:
        raise ValueError("a version from 0")
    return number


def _segment_ids(value: object) -> tuple[int, ...]:
    if not isinstance(value, list | tuple) or not 2 <= len(value) <= _MAX_SEGMENTS:
        raise ValueError("a list of two or more")
    distinct = set(map(_id, value))
    if len(distinct) < 2:
        raise ValueError("a list of two or more that differ")
    return tuple(sorted(distinct))


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > MAX_TEXT_LENGTH or not value.isprintable():
        raise ValueError(f"a text of one line, 1 to {MAX_TEXT_LENGTH} characters")
    return value.strip()


def _points(value: object, info: ValidationInfo) -> Points:
    if not isinstance(value, list | tuple) or len(value) > MAX_POINTS:
        raise ValueError(f"a list of up to {MAX_POINTS} points [x, y, 1 or 0]")
    return tuple(_point(point, info.context) for point in value)


def _point(value: object, video: VideoFacts | None) -> tuple[float, float, int]:
    if not isinstance(value, list | tuple) or len(value) != 3:
        raise ValueError("points [x, y, 1 or 0]")
    x, y = _finite(value[0]), _finite(value[1])
    if video is not None and not (0 <= x <= video.width and 0 <= y <= video.height):
        raise ValueError(f"points in the frame, {video.width}x{video.height} (width x height)")
    if isinstance(value[2], str | list) or value[2] not in (0, 1):
        raise ValueError("points [x, y, 1 or 0]: 1 on the object, 0 off it")
    return x, y, int(value[2])


def _box(value: object, info: ValidationInfo) -> Box:
    if not isinstance(value, list | tuple) or len(value) != 4:
        raise ValueError("[x0, y0, x1, y1]")
    x0, y0, x1, y1 = map(_finite, value)
    video = info.context
    if video is not None and not (0 <= x0 < x1 <= video.width and 0 <= y0 < y1 <= video.height):
        raise ValueError(f"[x0, y0, x1, y1] in the frame, {video.width}x{video.height} (width x height)")
    return x0, y0, x1, y1


def _mask(value: Any, info: ValidationInfo) -> RLE:
    if info.context is None:
        return {"size": value["size"], "counts": value["counts"]}
    size = (info.context.height, info.context.width)
    try:
        counts = rle.check(value, size)
    except UserError as error:
        raise PydanticCustomError("mask", "{reason}", {"reason": str(error)}) from None
    return {"size": list(size), "counts": counts.decode("ascii")}


def _terms(value: object) -> dict[str, float]:
    if not isinstance(value, dict) or len(value) > _MAX_TERMS:
        raise ValueError("a mapping of names to numbers")
    return {_text(name): _finite(term) for name, term in value.items()}


def _results(value: object) -> object:
    if not isinstance(value, list | tuple) or not value:
        raise ValueError("a list of one or more results")
    if not all(isinstance(result, dict | Result) for result in value):
        raise ValueError("a list of mappings")
    return value


Id = Annotated[int, PlainValidator(_id)]
Version = Annotated[int, PlainValidator(_version)]
Frame = Annotated[int, PlainValidator(_frame)]
Frames = Annotated[tuple[int, ...], PlainValidator(_frames)]
Edge = Annotated[int, PlainValidator(_edge)]
Text = Annotated[str, PlainValidator(_text)]
PromptPoints = Annotated[Points, PlainValidator(_points)]
PromptBox = Annotated[Box, PlainValidator(_box)]


def _json_key(field_name: str) -> str:
    return field_name.replace("_ids", "s").removesuffix("_id")


@dataclass(frozen=True, kw_only=True)
class _Fields:
    # "always": an operation that was constructed in code is validated like one from JSON
    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(
        alias_generator=_json_key, extra="forbid", revalidate_instances="always"
    )


@dataclass(frozen=True, kw_only=True)
class AddObject(_Fields):
    """Add an object; without a name it is called by its label and a number."""

    op: Literal["add_object"] = "add_object"
    label: Text
    name: Text | None = None


@dataclass(frozen=True, kw_only=True)
class EditObject(_Fields):
    """Change label or name of an object."""

    op: Literal["edit_object"] = "edit_object"
    object_id: Id
    label: Text | None = None
    name: Text | None = None


@dataclass(frozen=True, kw_only=True)
class RemoveObject(_Fields):
    """Remove an object with its segments and masks."""

    op: Literal["remove_object"] = "remove_object"
    object_id: Id


@dataclass(frozen=True, kw_only=True)
class AddSegment(_Fields):
    """Add an audible segment, frames [start, end)."""

    op: Literal["add_segment"] = "add_segment"
    object_id: Id
    start: Edge
    end: Edge


@dataclass(frozen=True, kw_only=True)
class EditSegment(_Fields):
    """Move the edges of a segment."""

    op: Literal["edit_segment"] = "edit_segment"
    segment_id: Id
    start: Edge | None = None
    end: Edge | None = None


@dataclass(frozen=True, kw_only=True)
class SplitSegment(_Fields):
    """Split a segment; frame `at` is the first of the new, right one."""

    op: Literal["split_segment"] = "split_segment"
    segment_id: Id
    at: Frame


@dataclass(frozen=True, kw_only=True)
class MergeSegments(_Fields):
    """Join segments of one object, the pauses between them included."""

    op: Literal["merge_segments"] = "merge_segments"
    segment_ids: Annotated[tuple[int, ...], PlainValidator(_segment_ids)]


@dataclass(frozen=True, kw_only=True)
class RemoveSegment(_Fields):
    """Remove a segment with its masks."""

    op: Literal["remove_segment"] = "remove_segment"
    segment_id: Id


@dataclass(frozen=True, kw_only=True)
class SetSegmentStatus(_Fields):
    """Set the review status of a segment."""

    op: Literal["set_segment_status"] = "set_segment_status"
    segment_id: Id
    status: Annotated[str, _one_of(*SEGMENT_STATUSES)]


@dataclass(frozen=True, kw_only=True)
class SetPrompts(_Fields):
    """Set the prompts of an object in a frame, without a mask."""

    op: Literal["set_prompts"] = "set_prompts"
    object_id: Id
    frame: Frame
    points: PromptPoints
    box: PromptBox | None = None


@dataclass(frozen=True, kw_only=True)
class Result(_Fields):
    """A mask that a propagation made of an object in a frame, with its provenance; see `models.Mark`."""

    object_id: Id
    frame: Frame
    mask: Annotated[RLE, PlainValidator(_mask)]
    source: Annotated[str, _one_of(*DERIVED)]
    from_frame: Frame | None = None
    points: PromptPoints | None = None
    box: PromptBox | None = None
    score: Annotated[float, _between(_finite, 0, 1, "0 to 1")] | None = None
    terms: Annotated[dict[str, float], PlainValidator(_terms)] | None = None
    model: Text | None = None


@dataclass(frozen=True, kw_only=True)
class SetMask(Result):
    """Set the mask of an object in a frame."""

    op: Literal["set_mask"] = "set_mask"
    source: Annotated[str, _one_of(*HAND, *DERIVED)]


@dataclass(frozen=True, kw_only=True)
class ClearMask(_Fields):
    """Remove the masks of an object in a frame, or in several."""

    op: Literal["clear_mask"] = "clear_mask"
    object_id: Id
    frame: Frame | None = None
    frames: Frames | None = None


@dataclass(frozen=True, kw_only=True)
class SetResults(_Fields):
    """Take results of the propagation of a segment; `run` is the version it started from."""

    op: Literal["set_results"] = "set_results"
    segment_id: Id
    results: Annotated[tuple[Result, ...], BeforeValidator(_results)]
    run: Version | None = None


@dataclass(frozen=True, kw_only=True)
class Accept(_Fields):
    """Sign the masks of an object in these frames."""

    op: Literal["accept"] = "accept"
    object_id: Id
    frames: Frames


@dataclass(frozen=True, kw_only=True)
class Unaccept(_Fields):
    """Withdraw the signature from the masks of an object in these frames."""

    op: Literal["unaccept"] = "unaccept"
    object_id: Id
    frames: Frames


@dataclass(frozen=True, kw_only=True)
class SetStatus(_Fields):
    """Set the status of the video."""

    op: Literal["set_status"] = "set_status"
    status: Annotated[str, _one_of(*STATUSES)]


@dataclass(frozen=True, kw_only=True)
class Spend(_Fields):
    """Add a person's time and clicks to a segment; undo does not take it back."""

    op: Literal["spend"] = "spend"
    segment_id: Id
    seconds: Annotated[float, _between(_finite, 0, 1e6, "seconds from 0 to a million")] | None = None
    clicks: Annotated[int, _between(_integer, 0, 1_000_000, "0 to a million")] | None = None


@dataclass(frozen=True, kw_only=True)
class Undo(_Fields):
    """Take back the last step."""

    op: Literal["undo"] = "undo"


@dataclass(frozen=True, kw_only=True)
class Redo(_Fields):
    """Repeat the step that was undone last."""

    op: Literal["redo"] = "redo"


Edit = (
    AddObject | EditObject | RemoveObject
    | AddSegment | EditSegment | SplitSegment | MergeSegments | RemoveSegment | SetSegmentStatus
    | SetPrompts | SetMask | ClearMask | SetResults | Accept | Unaccept | SetStatus | Spend
)  # fmt: skip
Operation = Edit | Undo | Redo
OPERATIONS: dict[str, type[_Fields]] = {kind.op: kind for kind in get_args(Operation)}
_ADAPTER: TypeAdapter[Operation] = TypeAdapter(Annotated[Operation, Field(discriminator="op")])


def check_operation(op: object, video: VideoFacts) -> Operation:
    """Validate an operation.

    Args:
        op: an operation, or a mapping with the key `op`; NumPy numbers and tuples are accepted.
        video: the video that it is about.

    Raises:
        UserError: one line with the operation, the key, its value and what is allowed.
    """
    by_name = isinstance(op, _Fields)
    if not by_name and not isinstance(op, Mapping):
        raise UserError(f"an operation must be a mapping with the key 'op', not {_short(op)}")
    name = getattr(op, "op", None) if by_name else op.get("op")  # type: ignore[attr-defined]
    if not isinstance(name, str) or name not in OPERATIONS:
        allowed = ", ".join(OPERATIONS)
        raise UserError(f"unknown operation {_short(name)}: use one of {allowed}{nearest(str(name), OPERATIONS)}")
    try:
        return _ADAPTER.validate_python(op, context=video, by_name=by_name, by_alias=not by_name)
    except ValidationError as error:
        raise UserError(f"{name}: {_describe(OPERATIONS[name], error.errors(include_url=False))}") from None


def check_base_version(op_name: str, version: object) -> int | None:
    """Validate the version of the document that the sender of an operation has seen; None if it does not say.

    Raises:
        UserError: it cannot be a version.
    """
    if version is None:
        return None
    try:
        return _version(version)
    except ValueError as error:
        raise UserError(f"{op_name}: base_version is {_short(version)}; allowed: {error}") from None


def load_operation(values: Mapping[str, object]) -> Edit:
    """Rebuild an operation from the journal, which holds validated ones only.

    Raises:
        UserError: this version of avseg does not have the operation.
    """
    try:
        op = _ADAPTER.validate_python(values)
    except ValidationError as error:
        raise UserError(str(error).replace("\n", " ")) from None
    assert not isinstance(op, Undo | Redo)  # `Document` repeats these from its history
    return op


def operation_to_json(op: Operation) -> dict[str, Any]:
    """Convert an operation to plain JSON values: `op` first, without the keys that are None."""
    return {"op": op.op, **_ADAPTER.dump_python(op, by_alias=True, exclude_none=True, exclude={"op"})}


def operation_keys(kind: type[_Fields]) -> tuple[list[str], list[str]]:
    """List the JSON keys of an operation or a result: the required ones, and all."""
    keyed = {_json_key(field.name): field for field in fields(kind) if field.name != "op"}
    return [key for key, field in keyed.items() if field.default is MISSING], list(keyed)


def _describe(kind: type[_Fields], errors: list[ErrorDetails]) -> str:
    """Put the first error into one line; unknown keys come first, since a misspelt key leaves another one missing."""
    unknown = [error for error in errors if error["type"] in ("unexpected_keyword_argument", "invalid_key")]
    error = unknown[0] if unknown else errors[0]
    _, *location = error["loc"]
    prefix = ""
    if len(location) == 3:  # ("results", index, key)
        kind, prefix = Result, f"results: result {int(location[1]) + 1}: "
    key, value = location[-1], error["input"]
    required, allowed = operation_keys(kind)
    if unknown:
        hint = nearest(str(key), allowed)
        return f"{prefix}unknown key {_short(key)}; allowed: {', '.join(allowed) or 'none'}{hint}"
    if error["type"] == "missing" or (value is None and key in required):
        return f"{prefix}{key} is missing; it needs {', '.join(required)}"
    if error["type"] == "mask":
        return f"{prefix}{key}: {error['msg']}"
    return f"{prefix}{key} is {_short(value)}; allowed: {error['ctx']['error']}"


def _short(value: object) -> str:
    text = repr(value).replace("\n", " ")
    return text if len(text) <= 60 else f"{text[:57]}..."
