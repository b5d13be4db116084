"""Verbs of a plan: all operations of a document, and methods of a session."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from avseg.annotate.document.models import Json
from avseg.annotate.document.operations import OPERATIONS, Accept, operation_keys
from avseg.annotate.export import missing_masks
from avseg.annotate.session import Session
from avseg.utils.errors import UserError, nearest

# types of the arguments of session methods; operations are validated by the document
_TYPES: dict[str, type] = {
    **dict.fromkeys(("object", "frame", "segment"), int),
    **dict.fromkeys(("direction", "format", "method", "out", "source", "split", "setting"), str),
    **dict.fromkeys(("refine", "whole", "overwrite"), bool),
    **dict.fromkeys(("points", "box", "frames"), list),
}
_TYPE_NAMES = {int: "a number", str: "a text", bool: "true or false", list: "a list"}


@dataclass(frozen=True)
class _Verb:
    """A method of a session: its function, required and optional keys, and whether options of any name follow."""

    run: Callable[[Session, Json], str]
    required: tuple[str, ...]
    optional: tuple[str, ...] = ()
    any_option: bool = False


def check_keys(verb: str, values: Any) -> None:
    """Check that a step has the required keys and no unknown ones; values are checked once the video is known."""
    if values is None:
        values = {}
    if not isinstance(values, dict):
        raise UserError(f"values must be like {{key: value}}, not {str(values)!r:.60}")
    any_option = False
    if verb in VERBS:
        required, any_option = list(VERBS[verb].required), VERBS[verb].any_option
        allowed = required + list(VERBS[verb].optional)
    else:
        required, allowed = operation_keys(OPERATIONS[verb])
    for key, value in values.items():
        if key not in allowed and not any_option:
            raise UserError(f"unknown key '{key}'; allowed: {', '.join(allowed) or 'none'}{nearest(str(key), allowed)}")
        expected = _TYPES.get(key, object) if verb in VERBS else object
        # bool is an int, too
        if not isinstance(value, expected) or (expected is int and isinstance(value, bool)):
            raise UserError(f"{key} is {str(value)!r:.60}; give {_TYPE_NAMES[expected]}")
    for key in required:
        if values.get(key) is None:
            raise UserError(f"{key} is missing; it needs {', '.join(required)}")


def run_step(session: Session, verb: str, values: Json, repeated: bool = False) -> str:
    """Run a step and return a summary of its result, empty if there is nothing to report.

    `repeated` is True if an interrupted run has begun this step; an export may then overwrite what it has left.
    """
    if verb == "export" and repeated:  # every other verb is undone or safe to repeat
        values = {"overwrite": True, **values}
    if verb in VERBS:
        return VERBS[verb].run(session, dict(values))
    change = session.document.do({**values, "op": verb})
    added = change.object_id or change.segment_id
    return f"{change.op.split('_')[-1]} {added}" if added else ""


def with_remark(summary: object, remark: str) -> str:
    """Append a remark, if there is one, in parentheses."""
    return f"{summary} ({remark})" if remark else str(summary)


def _click(session: Session, values: Json) -> str:
    session.click(values["object"], values["frame"], values["points"])
    return _location(values)


def _box(session: Session, values: Json) -> str:
    session.box(values["object"], values["frame"], values["box"], values.get("points", ()))
    return _location(values)


def _refine(session: Session, values: Json) -> str:
    session.refine(values["object"], values["frame"], values.get("points"))
    return _location(values)


def _propagate(session: Session, values: Json) -> str:
    segment_id = values.pop("segment")
    include_up_to_date = values.pop("whole", False)
    run = session.propagate(segment_id, **values, include_up_to_date=include_up_to_date, wait=True)
    return f"segment {run.segment.id}, {run.done} frames"


def _propose(session: Session, values: Json) -> str:
    object_id = values.pop("object", None)
    proposals = session.propose(values.pop("method", "energy"), **values)
    added = session.add_proposals(proposals, object_id)
    remark = "" if session.video.has_sound else "no sound track"
    return with_remark(f"{len(added)} segments of {len(proposals)} proposals", remark)


def _accept(session: Session, values: Json) -> str:
    """Accept frames of an object, or all masks of a segment."""
    document = session.document
    if "segment" not in values:
        if "object" not in values or "frames" not in values:
            raise UserError("needs object and frames, or segment")
        document.do({"op": "accept", **values})
        return f"{len(values['frames'])} frames"
    segment = document.segments.get(values["segment"])
    if segment is None:
        raise UserError(f"no segment {values['segment']}; there are {sorted(document.segments)}")
    frames = document.masked_frames(segment.id)
    if not frames:
        raise UserError(f"segment {segment.id} has no mask; propagate it first")
    document.do(Accept(object_id=segment.object_id, frames=tuple(frames)))
    return f"{len(frames)} frames"


def _export(session: Session, values: Json) -> str:
    """Export; `{video}` in the name of the folder is a placeholder for the name of the video."""
    out = Path(str(values.pop("out")).replace("{video}", session.video.path.stem))
    format = values.pop("format")
    return with_remark(session.export(format, out, **values), missing_masks(session.document, format))


def _import(session: Session, values: Json) -> str:
    added = session.import_(values["format"], Path(str(values["source"])))
    return f"{added.objects} objects, {added.segments} segments, {added.masks} masks"


def _location(values: Mapping[str, object]) -> str:
    return f"object {values['object']}, frame {values['frame']}"


VERBS: dict[str, _Verb] = {
    "click": _Verb(_click, ("object", "frame", "points")),
    "box": _Verb(_box, ("object", "frame", "box"), ("points",)),
    "refine": _Verb(_refine, ("object", "frame"), ("points",)),
    "propagate": _Verb(_propagate, ("segment",), ("direction", "refine", "frame", "whole")),
    "propose": _Verb(_propose, (), ("object", "method"), any_option=True),
    "accept": _Verb(_accept, (), ("object", "frames", "segment")),
    "export": _Verb(_export, ("format", "out"), ("overwrite",), any_option=True),
    "import": _Verb(_import, ("format", "source")),
}
