"""The steps of a plan: every operation of a document, and what a session does besides."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from avseg.annotate.document.operations import FIELDS
from avseg.annotate.session import Session
from avseg.utils.errors import UserError, nearest

Values = dict[str, Any]
# what a session takes as it is; operations are checked by the document
_KINDS: dict[str, type] = {
    **dict.fromkeys(("object", "frame", "segment"), int),
    **dict.fromkeys(("direction", "format", "method", "out", "source", "split", "setting"), str),
    **dict.fromkeys(("refine", "whole", "overwrite"), bool),
    **dict.fromkeys(("points", "box", "frames"), list),
}
_WORDS = {int: "a number", str: "a text", bool: "true or false", list: "a list"}
Do = Callable[[Session, Values], str]


def check_keys(verb: str, values: Any) -> None:
    """Checks that a step has the keys that it needs and no others; values are checked once the video is known.

    Raises:
        UserError: names the key and what is allowed.
    """
    if values is None:
        values = {}
    if not isinstance(values, dict):
        raise UserError(f"values must be like {{key: value}}, not {str(values)!r:.60}")
    needed, allowed, free = _keys(verb)
    for key in values:
        if key not in allowed and not free:
            raise UserError(f"unknown key '{key}'; allowed: {', '.join(allowed) or 'none'}{nearest(str(key), allowed)}")
        kind = _KINDS.get(key, object) if verb in VERBS else object
        if not isinstance(values[key], kind) or (kind is int and isinstance(values[key], bool)):
            raise UserError(f"{key} is {str(values[key])!r:.60}; give {_WORDS[kind]}")
    for key in needed:
        if values.get(key) is None:
            raise UserError(f"{key} is missing; it needs {', '.join(needed)}")


def do_step(session: Session, verb: str, values: Values, again: bool = False) -> str:
    """Does a step; gives what there is to tell of it.

    Args:
        session: at work on the video.
        verb: what to do.
        values: how.
        again: an export may write over what an interrupted run has left.

    Raises:
        UserError: it cannot be done.
    """
    if verb == "export" and again:
        values = {"overwrite": True, **values}
    if verb in VERBS:
        return VERBS[verb].do(session, dict(values))
    change = session.document.do({**values, "op": verb})
    return f"{change.op.split('_')[-1]} {change.object or change.segment}" if change.object or change.segment else ""


def told(done: object, remark: str) -> str:
    """What was done, and what is to be said of it if anything."""
    return f"{done} ({remark})" if remark else str(done)


class _Verb:
    """What a session does: how, the keys that are needed, further ones, and whether options of any name follow."""

    def __init__(
        self, do: Callable[[Session, Values], str], needed: str, further: str = "", free: bool = False
    ) -> None:
        self.do, self.free = do, free
        self.needed, self.further = needed.split(), further.split()


def _keys(verb: str) -> tuple[list[str], list[str], bool]:
    if verb in VERBS:
        known = VERBS[verb]
        return known.needed, known.needed + known.further, known.free
    fields = FIELDS[verb]
    return [key for key, (_, needed) in fields.items() if needed], list(fields), False


def _click(session: Session, values: Values) -> str:
    session.click(**values)
    return _place(values)


def _box(session: Session, values: Values) -> str:
    session.box(**values)
    return _place(values)


def _refine(session: Session, values: Values) -> str:
    session.refine(**values)
    return _place(values)


def _propagate(session: Session, values: Values) -> str:
    run = session.propagate(**values, wait=True)
    return f"segment {run.segment.id}, {run.done} frames"


def _propose(session: Session, values: Values) -> str:
    name = values.pop("object", None)
    found = session.propose(values.pop("method", "energy"), **values)
    made = session.take(found, name)
    return told(f"{len(made)} segments of {len(found)} proposals", "" if session.film.has_sound else "no sound track")


def _accept(session: Session, values: Values) -> str:
    """Frames of an object, or all masks of a segment."""
    document = session.document
    if "segment" in values:
        segment = document.segments.get(values["segment"])
        if segment is None:
            raise UserError(f"no segment {values['segment']}; there are {sorted(document.segments)}")
        values = {"object": segment.object, "frames": document.masked(segment.id)}
        if not values["frames"]:
            raise UserError(f"segment {segment.id} has no mask; propagate it first")
    elif not {"object", "frames"} <= set(values):
        raise UserError("needs object and frames, or segment")
    document.do({"op": "accept", **values})
    return f"{len(values['frames'])} frames"


def _export(session: Session, values: Values) -> str:
    """`{video}` in the folder's name stands for the video's."""
    from avseg.annotate.export import missing_masks

    out, format = str(values.pop("out")).replace("{video}", session.film.path.stem), values.pop("format")
    return told(session.export(format, Path(out), **values), missing_masks(session.document, format))


def _import(session: Session, values: Values) -> str:
    done = session.import_(values["format"], Path(str(values["source"])))
    return f"{done.objects} objects, {done.segments} segments, {done.masks} masks"


def _place(values: Values) -> str:
    return f"object {values['object']}, frame {values['frame']}"


VERBS: dict[str, _Verb] = {
    "click": _Verb(_click, "object frame points"),
    "box": _Verb(_box, "object frame box", "points"),
    "refine": _Verb(_refine, "object frame", "points"),
    "propagate": _Verb(_propagate, "segment", "direction refine frame whole"),
    "propose": _Verb(_propose, "", "object method", free=True),
    "accept": _Verb(_accept, "", "object frames segment"),
    "export": _Verb(_export, "format out", "overwrite", free=True),
    "import": _Verb(_import, "format source"),
}
