"""Undo and redo: the steps that were done, and how far they stand."""

from collections import deque
from collections.abc import Collection
from dataclasses import dataclass, field

from avseg.annotate.document.state import Key, Patch
from avseg.utils.errors import UserError


class Conflict(UserError):
    """Two tabs changed the same; the page loads the document again and asks its user."""


_REMEMBERED = 256  # versions back to which an operation may refer


@dataclass
class Step:
    """What one undo takes back: one operation, or all results of one propagation.

    Attributes:
        op: the operation's name.
        version: of the document after it.
        time: when, in seconds since 1970.
        patch: what it changed.
        run: the propagation whose results it holds.
        group: the first version of those that were done together.
        tag: what the doer calls it, see `Document.tag`.
    """

    op: str
    version: int
    time: float
    patch: Patch
    run: int | None = None
    group: int | None = None
    tag: str | None = None


@dataclass
class _Seen:
    version: int
    keys: frozenset[Key]
    derived: bool
    top: Step | None


@dataclass
class History:
    """Steps in the order of doing; those from `place` on were undone and may be redone.

    Attributes:
        steps: all of them.
        place: how many stand.
    """

    steps: list[Step] = field(default_factory=list)
    place: int = 0
    _seen: deque[_Seen] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))

    def add(self, step: Step) -> None:
        """Adds what was done; what was undone before can no longer be redone.

        Results join the earlier ones of their propagation, unless something that they depend on changed in between.
        """
        del self.steps[self.place :]
        earlier = self._home(step)
        if earlier is None:
            self.steps.append(step)
            self.place += 1
        else:
            for key, (before, after) in step.patch.items():
                first = earlier.patch[key][0] if key in earlier.patch else before
                earlier.patch[key] = (first, after)

    def was_undone(self, run: int) -> bool:
        """Whether a propagation's results were undone, so that more of them are unwanted."""
        return any(step.run == run for step in self.steps[self.place :])

    def to_undo(self) -> Step:
        """The step that undo takes back.

        Raises:
            UserError: there is none.
        """
        if not self.place:
            raise UserError("nothing to undo")
        return self.steps[self.place - 1]

    def to_redo(self) -> Step:
        """The step that redo does again.

        Raises:
            UserError: there is none.
        """
        if self.place == len(self.steps):
            raise UserError("nothing to redo")
        return self.steps[self.place]

    def note(self, version: int, keys: Collection[Key], derived: bool = False) -> None:
        """Remembers what the change to this version touched; `derived`: by a propagation, not by a person."""
        self._seen.append(_Seen(version, frozenset(keys), derived, self._top()))

    def conflict(self, base: int, version: int, keys: Collection[Key], derived: bool) -> bool:
        """Whether something of these keys changed after the version `base`; unknown if that is too long ago.

        Args:
            base: the version that somebody has seen.
            version: the latest.
            keys: what is to be changed.
            derived: whether results of propagations count, too: not for who draws over them.
        """
        later = [seen for seen in self._seen if seen.version > base]
        if len(later) < version - base:
            return True
        return any(not seen.keys.isdisjoint(keys) for seen in later if derived or not seen.derived)

    def top_changed(self, base: int, version: int) -> bool:
        """Whether undo would take back another step than it would have at the version `base`."""
        if base >= version:
            return False
        then = [seen.top for seen in self._seen if seen.version <= base]
        return (then[-1] if then else None) is not self._top()

    def _top(self) -> Step | None:
        return self.steps[self.place - 1] if self.place else None

    def _home(self, step: Step) -> Step | None:
        if step.group is not None:
            return self.steps[-1] if self.steps and self.steps[-1].group == step.group else None
        if step.run is None:
            return None
        watched = set(step.patch) | {("object", key[1]) for key in step.patch}
        for earlier in reversed(self.steps):
            if earlier.run == step.run:
                return earlier
            touched = earlier.patch.keys()
            if not watched.isdisjoint(touched) or any(key[0] == "segment" for key in touched):
                return None
        return None
