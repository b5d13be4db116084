"""Operations on an annotation: one frozen dataclass each, validated by pydantic against the size of the video.

Constructing an operation checks nothing; `check_operation` does, so that all values meet the same rules and the same
error messages, whether they come from Python code, the web page or a plan. JSON keys (journal, page, plan) are the
field names without the suffix of identifiers: `object_id` is "object". Whether an object or a segment exists is known
to `apply`, not here.
"""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Annotated, ClassVar, Literal, dataclass_transform, get_args

from pydantic import BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from avseg.annotate.document import field_types as types
from avseg.annotate.document.models import Json, VideoFacts
from avseg.utils.errors import UserError, nearest


def _results(value: object) -> object:
    if not isinstance(value, list | tuple) or not value:
        raise ValueError("a list of one or more results")
    for result in value:
        if not isinstance(result, dict | Result):
            raise ValueError("a list of mappings")
    return value


def _json_key(field_name: str) -> str:
    return field_name.replace("_ids", "s").removesuffix("_id")


@dataclass_transform(frozen_default=True, kw_only_default=True)
class _Fields:
    """Base of all operations: makes each subclass a frozen dataclass."""

    # "always": an operation that was constructed in code is validated like one from JSON
    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(
        alias_generator=_json_key, extra="forbid", revalidate_instances="always"
    )

    def __init_subclass__(cls) -> None:
        dataclass(frozen=True, kw_only=True)(cls)


class AddObject(_Fields):
    """Add an object; without a name it is called by its label and a number."""

    op: Literal["add_object"] = "add_object"
    label: types.Text
    name: types.Text | None = None


class EditObject(_Fields):
    """Change label or name of an object."""

    op: Literal["edit_object"] = "edit_object"
    object_id: types.Id
    label: types.Text | None = None
    name: types.Text | None = None


class RemoveObject(_Fields):
    """Remove an object with its segments and masks."""

    op: Literal["remove_object"] = "remove_object"
    object_id: types.Id


class AddSegment(_Fields):
    """Add an audible segment, frames [start, end)."""

    op: Literal["add_segment"] = "add_segment"
    object_id: types.Id
    start: types.Edge
    end: types.Edge


class EditSegment(_Fields):
    """Move the edges of a segment."""

    op: Literal["edit_segment"] = "edit_segment"
    segment_id: types.Id
    start: types.Edge | None = None
    end: types.Edge | None = None


class SplitSegment(_Fields):
    """Split a segment; frame `at` is the first of the new, right one."""

    op: Literal["split_segment"] = "split_segment"
    segment_id: types.Id
    at: types.Frame


class MergeSegments(_Fields):
    """Join segments of one object, the pauses between them included."""

    op: Literal["merge_segments"] = "merge_segments"
    segment_ids: types.SegmentIds


class MoveSegment(_Fields):
    """Give a segment with its masks to another object."""

    op: Literal["move_segment"] = "move_segment"
    segment_id: types.Id
    object_id: types.Id


class RemoveSegment(_Fields):
    """Remove a segment with its masks."""

    op: Literal["remove_segment"] = "remove_segment"
    segment_id: types.Id


class SetSegmentStatus(_Fields):
    """Set the review status of a segment."""

    op: Literal["set_segment_status"] = "set_segment_status"
    segment_id: types.Id
    status: types.SegmentStatus


class SetPrompts(_Fields):
    """Set the prompts of an object in a frame, without a mask."""

    op: Literal["set_prompts"] = "set_prompts"
    object_id: types.Id
    frame: types.Frame
    points: types.PromptPoints
    box: types.PromptBox | None = None


class Draw(_Fields):
    """Change the inputs of an object in a frame, one step of undo per action, with the mask that all of them gave."""

    op: Literal["draw"] = "draw"
    object_id: types.Id
    frame: types.Frame
    actions: types.Actions
    mask: types.Mask | None = None
    score: types.Score | None = None
    model: types.Text | None = None


class Redraw(_Fields):
    """Set the mask of inputs that undo or redo returned to; no step of undo."""

    op: Literal["redraw"] = "redraw"
    object_id: types.Id
    frame: types.Frame
    mask: types.Mask | None = None
    score: types.Score | None = None
    model: types.Text | None = None


class Result(_Fields):
    """A mask that a propagation made of an object in a frame, with its provenance; see `models.Mark`."""

    object_id: types.Id
    frame: types.Frame
    mask: types.Mask
    source: types.DerivedSource
    from_frame: types.Frame | None = None
    points: types.PromptPoints | None = None
    box: types.PromptBox | None = None
    score: types.Score | None = None
    terms: types.Terms | None = None
    model: types.Text | None = None


class SetMask(Result):
    """Set the mask of an object in a frame."""

    op: Literal["set_mask"] = "set_mask"
    source: types.Source


class ClearMask(_Fields):
    """Remove the masks of an object in a frame, or in several."""

    op: Literal["clear_mask"] = "clear_mask"
    object_id: types.Id
    frame: types.Frame | None = None
    frames: types.Frames | None = None


class SetResults(_Fields):
    """Take results of the propagation of a segment; `run` is the version it started from."""

    op: Literal["set_results"] = "set_results"
    segment_id: types.Id
    results: Annotated[tuple[Result, ...], BeforeValidator(_results)]
    run: types.Version | None = None


class Accept(_Fields):
    """Sign the masks of an object in these frames."""

    op: Literal["accept"] = "accept"
    object_id: types.Id
    frames: types.Frames


class Unaccept(_Fields):
    """Withdraw the signature from the masks of an object in these frames."""

    op: Literal["unaccept"] = "unaccept"
    object_id: types.Id
    frames: types.Frames


class SetStatus(_Fields):
    """Set the status of the video."""

    op: Literal["set_status"] = "set_status"
    status: types.VideoStatus


class Spend(_Fields):
    """Add a person's time and clicks to a segment; undo does not take it back."""

    op: Literal["spend"] = "spend"
    segment_id: types.Id
    seconds: types.Seconds | None = None
    clicks: types.Clicks | None = None


class Undo(_Fields):
    """Take back the last step."""

    op: Literal["undo"] = "undo"


class Redo(_Fields):
    """Repeat the step that was undone last."""

    op: Literal["redo"] = "redo"


Edit = (
    AddObject | EditObject | RemoveObject
    | AddSegment | EditSegment | SplitSegment | MergeSegments | MoveSegment | RemoveSegment | SetSegmentStatus
    | SetPrompts | Draw | Redraw | SetMask | ClearMask | SetResults | Accept | Unaccept | SetStatus | Spend
)  # fmt: skip
Operation = Edit | Undo | Redo
OPERATIONS: dict[str, type[_Fields]] = {operation.op: operation for operation in get_args(Operation)}
_ADAPTER: TypeAdapter[Operation] = TypeAdapter(Annotated[Operation, Field(discriminator="op")])


def check_operation(op: object, video: VideoFacts) -> Operation:
    """Validate an operation, or a mapping with the key `op`; NumPy numbers and tuples are accepted.

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
    """Validate the version of the document that the sender of an operation has seen; None if it does not say."""
    if version is None:
        return None
    try:
        return int(types.check_version(version))
    except ValueError as error:
        raise UserError(f"{op_name}: base_version is {_short(version)}; allowed: {error}") from None


def load_operation(values: Mapping[str, object]) -> Edit:
    """Rebuild an operation from the journal, which holds validated ones only, perhaps of a newer version of avseg."""
    try:
        op = _ADAPTER.validate_python(values)
    except ValidationError as error:
        raise UserError(str(error).replace("\n", " ")) from None
    assert not isinstance(op, Undo | Redo)  # `Document` repeats these from its history
    return op


def operation_to_json(op: Operation) -> Json:
    """Convert an operation to plain JSON values: `op` first, without the keys that are None."""
    # `op` comes first, as in all journals
    return {"op": op.op, **_ADAPTER.dump_python(op, by_alias=True, exclude_none=True, exclude={"op"})}


def operation_keys(operation: type[_Fields]) -> tuple[list[str], list[str]]:
    """List the JSON keys of an operation or a result: the required ones, and all."""
    keyed = {_json_key(field.name): field for field in fields(operation) if field.name != "op"}  # type: ignore[arg-type]
    return [key for key, field in keyed.items() if field.default is MISSING], list(keyed)


def _describe(operation: type[_Fields], errors: list[ErrorDetails]) -> str:
    """Put the first error into one line; unknown keys come first, since a misspelt key leaves another one missing."""
    unknown = [error for error in errors if error["type"] in ("unexpected_keyword_argument", "invalid_key")]
    error = unknown[0] if unknown else errors[0]
    _, *location = error["loc"]  # without the tag of the union
    prefix = ""
    if len(location) == 3:  # ("results", index, key)
        operation = Result
        prefix = f"results: result {int(location[1]) + 1}: "
    key, value = location[-1], error["input"]
    required, allowed = operation_keys(operation)
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
