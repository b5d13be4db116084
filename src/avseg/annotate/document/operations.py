"""The operations on a video's annotation: plain dicts with the key `op`, each checked before anything else sees it.

What is checked here needs only the video's size; whether an object or a segment exists is known to `effects`.
"""

from typing import Any

from avseg.annotate.document import checks
from avseg.annotate.document.checks import Check, Refused
from avseg.annotate.document.models import DERIVED, HAND, SEGMENT_STATUSES, STATUSES, VideoFacts
from avseg.utils.errors import UserError, nearest


def check(op: object, video: VideoFacts) -> dict[str, Any]:
    """An operation with plain values only, ready for the journal.

    Args:
        op: the operation; numpy's numbers and tuples are taken too.
        video: what it is about.

    Raises:
        UserError: one line with the operation, the key, its value and what is allowed.
    """
    if not isinstance(op, dict):
        raise UserError(f"an operation must be a mapping with the key 'op', not {_short(op)}")
    name = op.get("op")
    if not isinstance(name, str) or name not in FIELDS:
        known = ", ".join(FIELDS)
        raise UserError(f"unknown operation {_short(name)}: use one of {known}{nearest(str(name), FIELDS)}")
    return {"op": name, **_fields(name, {key: op[key] for key in op if key != "op"}, FIELDS[name], video)}


def _fields(what: str, values: dict[Any, Any], fields: "Fields", video: VideoFacts) -> dict[str, Any]:
    for key in values:
        if key not in fields and key not in _ANYWHERE:
            hint = nearest(str(key), fields)
            raise UserError(f"{what}: unknown key {_short(key)}; allowed: {', '.join(fields) or 'none'}{hint}")
    clean = {}
    for key, (checker, needed) in (fields | _ANYWHERE).items():
        if values.get(key) is None:  # a null is a key left out
            if needed:
                raise UserError(f"{what}: {key} is missing; it needs {', '.join(_needed(fields))}")
            continue
        try:
            clean[key] = checker(values[key], video)
        except Refused as refused:
            raise UserError(f"{what}: {key} is {_short(values[key])}; allowed: {refused}") from None
        except UserError as error:  # of a mask or of one result among many
            raise UserError(f"{what}: {key}: {error}") from None
    return clean


def _needed(fields: "Fields") -> list[str]:
    return [key for key, (_, needed) in fields.items() if needed]


def _short(value: object) -> str:
    text = repr(value).replace("\n", " ")
    return text if len(text) <= 60 else f"{text[:57]}..."


def _results(value: Any, video: VideoFacts) -> list[dict[str, Any]]:
    if not isinstance(value, list | tuple) or not value:
        raise Refused("a list of one or more results")
    for result in value:
        if not isinstance(result, dict):
            raise Refused("a list of mappings")
    return [_fields(f"result {place}", result, _RESULT, video) for place, result in enumerate(value, 1)]


Fields = dict[str, tuple[Check, bool]]  # for each key its check, and whether it is needed

_ANYWHERE: Fields = {"base_version": (checks.version, False)}
_HOW: Fields = {
    "points": (checks.points, False),
    "box": (checks.box, False),
    "score": (checks.share, False),
    "terms": (checks.terms, False),
    "model": (checks.text, False),
}
_RESULT: Fields = {
    "object": (checks.name, True),
    "frame": (checks.frame, True),
    "mask": (checks.mask, True),
    "source": (checks.one_of(*DERIVED), True),
    "from_frame": (checks.frame, False),
    **_HOW,
}
FIELDS: dict[str, Fields] = {
    "add_object": {"label": (checks.text, True), "name": (checks.text, False)},
    "edit_object": {"object": (checks.name, True), "label": (checks.text, False), "name": (checks.text, False)},
    "remove_object": {"object": (checks.name, True)},
    "add_segment": {"object": (checks.name, True), "start": (checks.edge, True), "end": (checks.edge, True)},
    "edit_segment": {"segment": (checks.name, True), "start": (checks.edge, False), "end": (checks.edge, False)},
    "split_segment": {"segment": (checks.name, True), "at": (checks.frame, True)},
    "merge_segments": {"segments": (checks.names, True)},
    "remove_segment": {"segment": (checks.name, True)},
    "set_segment_status": {"segment": (checks.name, True), "status": (checks.one_of(*SEGMENT_STATUSES), True)},
    "set_prompts": {
        "object": (checks.name, True),
        "frame": (checks.frame, True),
        "points": (checks.points, True),
        "box": (checks.box, False),
    },
    "set_mask": {
        "object": (checks.name, True),
        "frame": (checks.frame, True),
        "mask": (checks.mask, True),
        "source": (checks.one_of(*HAND, *DERIVED), True),
        "from_frame": (checks.frame, False),
        **_HOW,
    },
    "clear_mask": {"object": (checks.name, True), "frame": (checks.frame, False), "frames": (checks.frames, False)},
    "set_results": {"segment": (checks.name, True), "results": (_results, True), "run": (checks.version, False)},
    "accept": {"object": (checks.name, True), "frames": (checks.frames, True)},
    "unaccept": {"object": (checks.name, True), "frames": (checks.frames, True)},
    "set_status": {"status": (checks.one_of(*STATUSES), True)},
    "spend": {"segment": (checks.name, True), "seconds": (checks.amount, False), "clicks": (checks.count, False)},
    "undo": {},
    "redo": {},
}
