"""One video's annotation: every change goes through `do`, is on the disk before it is seen, and can be undone."""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from avseg.annotate.document import operations
from avseg.annotate.document.apply import Effect, Op, effect
from avseg.annotate.document.history import Conflict, History, Step
from avseg.annotate.document.journal import Journal, Record
from avseg.annotate.document.models import Change, VideoFacts
from avseg.annotate.document.queries import Reading
from avseg.annotate.document.rle import RLE
from avseg.annotate.document.snapshot import snapshot
from avseg.annotate.document.state import Key, Patch
from avseg.utils.errors import UserError

FORMAT = 1  # of the journal
Group = tuple[int, str | None]  # what is done together: its first version, and its name


class Document(Reading):
    """The annotation of a video, shared by everybody who has it open in this process; safe to use from any thread.

    Args:
        video: what is annotated.
        folder: where `journal.jsonl` lies or will lie; None keeps everything in memory.

    Attributes:
        version: how many changes there have been, undos included.
        note: what was found and mended at the opening; empty if all was well.
        tag: a name that the next operations get in the journal and the history, so that their doer finds them again.

    Raises:
        UserError: the journal is damaged, or is that of another video.
    """

    def __init__(self, video: VideoFacts, folder: Path | None = None) -> None:
        super().__init__(video)
        self.version = 0
        self.note = ""
        self.tag: str | None = None
        self._history = History()
        self._journal = Journal(folder / "journal.jsonl") if folder is not None else None
        self._group: Group | None = None
        self._together: list[Change] = []
        self._listeners: list[Callable[[Change], None]] = []
        if self._journal is not None:
            self._replay(self._journal)

    def do(self, op: Op) -> Change:
        """Does an operation; see `operations.FIELDS` for all of them.

        With the key `base_version`, the version that its sender has seen, it is refused if what it touches has changed
        since; other changes do no harm. An operation that changes nothing makes no new version.

        Raises:
            UserError: it does not fit; nothing has changed.
        """
        clean = operations.check(op, self.video)
        with self._lock:
            base = clean.pop("base_version", None)
            if base is not None and base > self.version:
                raise UserError(f"base_version is {base}, and the document is at {self.version}; load it again")
            before = self.version
            change = self._change(clean, base)
            if change.version > before and self._group is not None:
                self._together.append(change)
                return change
        if change.version > before:
            self._tell(change)
        return change

    @contextmanager
    def together(self, name: str | None = None) -> Iterator[None]:
        """What is done inside is one step for undo, waits for the disk once, and is told once; all of it or nothing.

        Other threads wait meanwhile.

        Args:
            name: of the step in the history; default: that of its first operation.
        """
        with self._lock:
            if self._group is not None:
                yield  # a part of a larger group
                return
            self._group, self._together = (self.version + 1, name), []
            try:
                yield
            except BaseException:
                if self._grouped():
                    self._move("rollback", None)
                raise
            finally:
                changes, self._group = self._together, None
                if self._journal is not None:
                    self._journal.sync()
            frames: dict[int, tuple[int, int]] = {}
            for change in changes:
                frames = _union(frames, change.frames)
        if changes:
            self._tell(Change(self.version, name or changes[0].op, frames))

    def check(self, op: Op) -> Op:
        """What an operation says in plain form, if it could be done now; changes nothing.

        Raises:
            UserError: see `do`.
        """
        clean = operations.check(op, self.video)
        with self._lock:
            effect(self._state, clean, self.version + 1)
        return clean

    def undo(self, base_version: int | None = None) -> Change:
        """Takes the last step back."""
        return self.do({"op": "undo", "base_version": base_version})

    def redo(self, base_version: int | None = None) -> Change:
        """Does the last undone step again."""
        return self.do({"op": "redo", "base_version": base_version})

    def snapshot(self) -> dict[str, Any]:
        """Everything but masks as plain JSON, see `snapshot.snapshot`, with "version", "undo" and "redo" (or None)."""
        with self._lock:
            steps, place = self._history.steps, self._history.place
            undo = steps[place - 1].op if place else None
            redo = steps[place].op if place < len(steps) else None
            return {"version": self.version, "undo": undo, "redo": redo, **snapshot(self._state, self.video)}

    @property
    def history(self) -> list[dict[str, Any]]:
        """The steps, oldest first: "op", "version", "time" (since 1970), "undone", "tag", "frames" (of marks)."""
        with self._lock:
            return [
                {
                    "op": step.op,
                    "version": step.version,
                    "time": step.time,
                    "undone": place >= self._history.place,
                    "tag": step.tag,
                    "frames": sum(key[0] == "mark" for key in step.patch),
                }
                for place, step in enumerate(self._history.steps)
            ]

    def was_undone(self, run: int) -> bool:
        """Whether the results of a propagation were undone and could be redone."""
        with self._lock:
            return self._history.was_undone(run)

    def listen(self, listener: Callable[[Change], None]) -> Callable[[], None]:
        """Calls `listener` after each change, in the thread that made it; gives a function that ends this."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def close(self) -> None:
        """Closes the journal; every change is in it already."""
        if self._journal is not None:
            self._journal.close()

    def _change(self, op: Op, base: int | None) -> Change:
        if op["op"] in ("undo", "redo"):
            return self._move(op["op"], base)
        run = op.get("run")
        if run is not None and run > self.version:
            raise UserError(f"set_results: run is {run}; allowed: 0 to {self.version}, the version it started from")
        if run is not None and self._history.was_undone(run):
            raise UserError("set_results: this propagation was undone; start it again")
        done = effect(self._state, op, self.version + 1 if run is None else run)
        if not done.patch:
            return Change(self.version, op["op"], {}, skipped=done.skipped)
        signs = op["op"] == "accept"  # of masks that its sender must have seen
        if base is not None and self._history.conflict(base, self.version, done.patch, derived=signs):
            raise Conflict(f"{op['op']}: refused, another tab has changed the same since version {base}; look again")
        now = round(time.time(), 3)
        self._write(op, now)
        return self._advance(op, done, now, self._group, self.tag)

    def _move(self, direction: str, base: int | None) -> Change:
        """Undo, redo, or "rollback": an undo of what failed halfway, which nobody wants to redo."""
        step = self._history.to_redo() if direction == "redo" else self._history.to_undo()
        if base is not None and self._history.top_changed(base, self.version):
            raise Conflict(f"{direction}: refused, another tab has made a newer step since version {base}; look again")
        self._write({"op": direction}, round(time.time(), 3))
        return self._step(direction, step)

    def _advance(self, op: Op, done: Effect, now: float, group: Group | None, tag: str | None) -> Change:
        """Lets an operation that is in the journal take effect."""
        self.version += 1
        before = self._reach(done.spans)
        self._state.apply(done.patch)
        if done.undoable:
            first, name = group or (None, None)
            self._history.add(Step(name or op["op"], self.version, now, done.patch, op.get("run"), first, tag))
        self._history.note(self.version, done.patch, derived=op["op"] == "set_results")
        frames = _union(before, self._reach(done.spans))
        return Change(self.version, op["op"], frames, done.object, done.segment, done.skipped, self._single(op))

    def _step(self, direction: str, step: Step) -> Change:
        self.version += 1
        spans = _spans(step.patch)
        before = self._reach(spans)
        if direction == "redo":
            self._state.apply(step.patch)
            self._history.place += 1
        else:
            self._state.revert(step.patch)
            self._history.place -= 1
        if direction == "rollback":
            del self._history.steps[self._history.place :]
        self._history.note(self.version, step.patch)
        return Change(self.version, direction, _union(before, self._reach(spans)))

    def _write(self, op: Op, now: float) -> None:
        if self._journal is None:
            return
        if not self._journal.lines:
            video = {key: getattr(self.video, key) for key in ("name", "frames", "fps", "height", "width")}
            self._journal.append({"journal": FORMAT, "video": video})
        group, name = self._group or (None, None)
        marks = {"group": group, "as": name, "tag": self.tag}
        known = {key: value for key, value in marks.items() if value is not None}
        record = {"version": self.version + 1, "time": now, **known, "do": op}
        self._journal.append(record, wait=self._group is None)

    def _grouped(self) -> bool:
        """Whether anything that can be undone has been done together so far."""
        place = self._history.place
        return self._group is not None and place > 0 and self._history.steps[place - 1].group == self._group[0]

    def _tell(self, change: Change) -> None:
        for listener in tuple(self._listeners):
            listener(change)

    def _replay(self, journal: Journal) -> None:
        for record in journal.records():
            if journal.lines == 1:
                self._check_header(record, journal.path)
                continue
            try:
                self._again(record)
            except (UserError, KeyError) as error:
                raise UserError(f"{journal.path}: line {journal.lines} cannot be done again ({error})") from None
        if journal.torn:
            self.note = (
                f"{journal.path}: the last line was torn ({journal.torn} bytes, an operation that was never finished); "
                f"left out, {self.version} changes are there"
            )

    def _again(self, record: Record) -> None:
        op = record["do"]
        if op["op"] in ("undo", "rollback"):
            self._step(op["op"], self._history.to_undo())
        elif op["op"] == "redo":
            self._step("redo", self._history.to_redo())
        else:
            done = effect(self._state, op, op.get("run", self.version + 1))
            group = (record["group"], record.get("as")) if "group" in record else None
            self._advance(op, done, record["time"], group, record.get("tag"))

    def _check_header(self, record: Record, path: Path) -> None:
        if record.get("journal") != FORMAT:
            raise UserError(f"{path}: is of another version of this tool; update avseg")
        there = record["video"]
        for key in ("frames", "height", "width"):
            if there[key] != getattr(self.video, key):
                raise UserError(
                    f"{path}: was made for a video with {key} {there[key]}, and {self.video.name} has "
                    f"{getattr(self.video, key)}; put the right video back, or move {path.parent} away"
                )

    def _reach(self, spans: dict[int, tuple[int, int]]) -> dict[int, tuple[int, int]]:
        """Spans with the pieces that depend on their ends."""
        reached = {}
        for name, (start, end) in spans.items():
            first, last = self._state.segment_at(name, start), self._state.segment_at(name, end - 1)
            low = self._state.piece(first, start)[0] if first is not None else start
            high = self._state.piece(last, end - 1)[1] if last is not None else end
            reached[name] = (min(low, start), max(high, end))
        return reached

    def _single(self, op: Op) -> dict[tuple[int, int], RLE]:
        if op["op"] != "set_mask":
            return {}
        shown = self.rle(op["object"], op["frame"])
        return {} if shown is None else {(op["object"], op["frame"]): shown}


def _spans(patch: Patch) -> dict[int, tuple[int, int]]:
    """For each object the frames that a patch is about."""
    frames: dict[int, list[int]] = {}
    for key, records in patch.items():
        for name, start, end in _touched(key, records):
            frames.setdefault(name, []).extend((start, end))
    return {name: (min(each), max(each)) for name, each in frames.items()}


def _touched(key: Key, records: Iterable[Any]) -> list[tuple[int, int, int]]:
    if key[0] == "mark":
        return [(key[1], key[2], key[2] + 1)]
    if key[0] == "segment":
        return [(each.object, each.start, each.end) for each in records if each is not None]
    return []


def _union(one: dict[int, tuple[int, int]], other: dict[int, tuple[int, int]]) -> dict[int, tuple[int, int]]:
    joined = dict(one)
    for name, (start, end) in other.items():
        low, high = joined.get(name, (start, end))
        joined[name] = (min(low, start), max(high, end))
    return joined
