"""The draft of a mask: the mask that was there before the first input, and the inputs since then."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from avseg.annotate.document import inputs as user_inputs
from avseg.annotate.document.inputs import Action
from avseg.annotate.document.models import Input, Mark
from avseg.annotate.document.rle import RLE


class Draft(NamedTuple):
    """The inputs of a mask, which determine it."""

    base: bytes | None  # run lengths of the mask before the first input: painted, propagated or imported; None = none
    inputs: tuple[Input, ...]


class Drawing(NamedTuple):
    """The mask that inputs gave, None if they are not enough for one."""

    mask: RLE | None
    score: float | None
    model: str | None


def draft_of(mark: Mark | None) -> Draft:
    """Return the draft that further inputs continue."""
    base = _base(mark)
    return Draft(None if base is None else base.counts, () if mark is None else mark.inputs)


def marks_after(mark: Mark | None, actions: Sequence[Action], drawing: Drawing, stamp: int) -> list[Mark | None]:
    """Return the mark after each action that changes something: one that arrives twice is not a step.

    Only the last one has been drawn. Those before it are states that undo returns to; they are drawn then, and until
    then have the mask from before the actions.
    """
    base, inputs = _base(mark), () if mark is None else mark.inputs
    placeholder = None if mark is None else mark.counts
    states = [inputs]
    for action in actions:
        following = user_inputs.apply_action(states[-1], action)
        if following != states[-1]:
            states.append(following)
    marks: list[Mark | None] = []
    for inputs in states[1:]:
        if not inputs:
            marks.append(base)
            continue
        pending = Mark(
            counts=placeholder,
            source=user_inputs.source_of(inputs),
            stamp=stamp,
            points=user_inputs.points_of(inputs),
            box=user_inputs.box_of(inputs),
            inputs=inputs,
            base=base,
            drawn=False,
        )
        marks.append(pending)
    if len(states) > 1 and marks[-1] is not None and states[-1]:
        marks[-1] = drawn(marks[-1], drawing)
    return marks


def drawn(mark: Mark, drawing: Drawing) -> Mark:
    """Return a mark with the mask that its inputs gave."""
    counts = None if drawing.mask is None else drawing.mask["counts"].encode("ascii")
    return replace(mark, counts=counts, score=drawing.score, model=drawing.model, drawn=True)


def _base(mark: Mark | None) -> Mark | None:
    if mark is None:
        return None
    if mark.inputs:
        return mark.base
    return mark if mark.counts is not None else None
