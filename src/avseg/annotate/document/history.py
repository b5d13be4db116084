"""Undo history: the steps that were done, and how many of them are in effect."""

from collections import deque
from collections.abc import Collection
from dataclasses import dataclass, field

from avseg.annotate.document.state import Key, Patch
from avseg.utils.errors import UserError


class Conflict(UserError):
    """Another tab changed the same records; the page reloads the document and asks its user."""


_MAX_REMEMBERED = 256  # versions back to which an operation may refer


@dataclass
class Step:
    """One step of undo: an operation, a transaction, or all results of one propagation."""

    op: str
    version: int  # of the document after it
    time: float  # seconds since 1970
    patch: Patch
    run: int | None = None  # start version of the propagation whose results it has
    group: int | None = None  # first version of the transaction it belongs to
    tag: str | None = None  # label set by the caller, see `Document.tag`


@dataclass(frozen=True)
class HistoryEntry:
    """A step of the history; `frames` counts its marks, `time` is in seconds since 1970."""

    op: str
    version: int
    time: float
    undone: bool
    tag: str | None
    frames: int
    object_id: int | None = None  # that the step is about; None for several or none
    span: tuple[int, int] | None = None  # frames [start, end)


@dataclass
class _Touched:
    """Records that one version touched, and the step that undo would take back after it."""

    version: int
    keys: frozenset[Key]
    derived: bool
    last_step: Step | None


@dataclass
class History:
    """Steps in the order they were done; those from index `position` on were undone and may be redone."""

    steps: list[Step] = field(default_factory=list)
    position: int = 0
    _touched: deque[_Touched] = field(default_factory=lambda: deque(maxlen=_MAX_REMEMBERED))

    def add(self, step: Step) -> None:
        """Add a step; results join the earlier ones of their propagation unless a record they depend on has changed."""
        del self.steps[self.position :]  # a new step ends the chance to redo
        earlier = self._step_to_join(step)
        if earlier is None:
            self.steps.append(step)
            self.position += 1
            return
        for key, (old, new) in step.patch.items():
            oldest = earlier.patch[key][0] if key in earlier.patch else old  # what one undo of both must restore
            earlier.patch[key] = (oldest, new)

    def was_undone(self, run: int) -> bool:
        """True if the results of a propagation were undone, so that further ones are unwanted."""
        return any(step.run == run for step in self.steps[self.position :])

    def step_to_undo(self) -> Step:
        """Return the step that undo takes back; raise UserError if the history is empty."""
        if not self.position:
            raise UserError("nothing to undo")
        return self.steps[self.position - 1]

    def step_to_redo(self) -> Step:
        """Return the step that redo repeats; raise UserError if nothing was undone."""
        if self.position == len(self.steps):
            raise UserError("nothing to redo")
        return self.steps[self.position]

    def amend(self, key: Key, old: object, new: object) -> None:
        """Replace a record in the steps that lead to it and away from it."""
        for step in self.steps:
            if key in step.patch:
                undone, done = step.patch[key]
                step.patch[key] = (new if undone is old else undone, new if done is old else done)

    def remember(self, version: int, keys: Collection[Key], derived: bool = False) -> None:
        """Remember which records a version touched; `derived`: by a propagation, not by a person."""
        self._touched.append(_Touched(version, frozenset(keys), derived, self._last_step()))

    def has_conflict(self, base: int, version: int, keys: Collection[Key], derived: bool) -> bool:
        """True if some of the records changed after the version `base`, or if that is too long ago to know.

        With `derived` the results of propagations count too; they do not for a person who draws over them.
        """
        later = 0
        for touched in self._touched:
            if touched.version <= base:
                continue
            later += 1
            if (derived or not touched.derived) and not touched.keys.isdisjoint(keys):
                return True
        return later < version - base  # some are no longer remembered

    def last_step_changed(self, base: int, version: int) -> bool:
        """True if undo would take back another step than it would have at the version `base`."""
        if base >= version:
            return False
        last_step = None
        for touched in self._touched:
            if touched.version <= base:
                last_step = touched.last_step
        return last_step is not self._last_step()

    def _last_step(self) -> Step | None:
        return self.steps[self.position - 1] if self.position else None

    def _step_to_join(self, step: Step) -> Step | None:
        if step.group is not None:
            return self.steps[-1] if self.steps and self.steps[-1].group == step.group else None
        if step.run is None:
            return None
        # results depend on their marks and on the object itself
        dependencies = {*step.patch, *(("object", key[1]) for key in step.patch)}
        for earlier in reversed(self.steps):
            if earlier.run == step.run:
                return earlier
            touched = earlier.patch.keys()
            # a moved edge changes which frames the results may fill
            if not dependencies.isdisjoint(touched) or any(key[0] == "segment" for key in touched):
                return None
        return None
