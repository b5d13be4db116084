"""Annotation of one video: every change goes through `do`, is on disk before it is visible, and can be undone."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

from avseg.annotate.document import operations as ops
from avseg.annotate.document.apply import Effect, compute_effect
from avseg.annotate.document.history import Conflict, History, HistoryEntry, Step
from avseg.annotate.document.journal import Journal
from avseg.annotate.document.models import Change, Json, Span, VideoFacts, extend_span, union_spans
from avseg.annotate.document.queries import Queries
from avseg.annotate.document.rle import RLE
from avseg.annotate.document.snapshot import take_snapshot
from avseg.annotate.document.state import Patch
from avseg.annotate.document.work import Work
from avseg.utils.errors import UserError

FORMAT = 1  # of the journal
_MAX_REQUESTS = 1000  # whose ids are remembered


class _Group(NamedTuple):
    """A transaction: the version of its first operation, and its name."""

    first_version: int
    name: str | None


class Document(Queries):
    """The annotation of a video, shared by all its users in this process; safe to use from any thread.

    The journal is in `folder`; without one everything stays in memory.

    Raises:
        UserError: the journal is damaged, or belongs to another video.
    """

    def __init__(self, video: VideoFacts, folder: Path | None = None) -> None:
        super().__init__(video)
        self.version = 0  # changes so far, undo and redo included
        self.note = ""  # what was repaired on opening
        self.tag: str | None = None  # label that the next operations get, so that their caller finds them again
        self._history = History()
        self._journal = Journal(folder / "journal.jsonl") if folder is not None else None
        self._group: _Group | None = None
        self._group_changes: list[Change] = []
        self._listeners: list[Callable[[Change], None]] = []
        self._requests: deque[str] = deque(maxlen=_MAX_REQUESTS)  # ids of those that were carried out
        self._request = threading.local()
        self._work: dict[str, Work] = {}
        self.annotator = ""  # of changes that do not name another one
        if self._journal is not None:
            self._replay(self._journal)

    def do(self, op: ops.Operation | Mapping[str, object], base_version: int | None = None) -> Change:
        """Do an operation (or its JSON form, see `operations`); one that changes nothing makes no new version.

        It is refused if a record that it changes has changed since `base_version`, the version that the sender has seen
        (also a key of the JSON form); other changes do no harm.

        Raises:
            UserError: the operation is invalid or does not fit; nothing has changed.
        """
        if isinstance(op, Mapping):
            base_version = op.get("base_version", base_version)  # type: ignore[assignment]  # checked next
            op = {key: value for key, value in op.items() if key != "base_version"}
        checked = ops.check_operation(op, self.video)
        base = ops.check_base_version(checked.op, base_version)
        with self._lock:
            if base is not None and base > self.version:
                raise UserError(f"base_version is {base}, and the document is at {self.version}; load it again")
            old_version = self.version
            change = self._change(checked, base)
            if change.version > old_version and self._group is not None:
                self._group_changes.append(change)
                return change
        if change.version > old_version:
            self._notify(change)
        return change

    @contextmanager
    def transaction(self, name: str | None = None) -> Iterator[None]:
        """Make the operations inside one step of undo, one wait for the disk and one notification; all or nothing.

        Other threads wait meanwhile. A transaction inside another one is a part of it. The default name is that of the
        first operation.
        """
        with self._lock:
            if self._group is not None:
                yield
                return
            self._group = _Group(self.version + 1, name)
            self._group_changes = []
            try:
                yield
            except BaseException:
                if self._group_has_step():  # otherwise the step on top is somebody else's
                    self._move("rollback", None)
                raise
            finally:
                changes = self._group_changes  # reported after the lock is released
                self._group = None
                if self._journal is not None:
                    self._journal.sync()
        if changes:
            frames = union_spans(*map(attrgetter("frames"), changes))
            self._notify(Change(self.version, name or changes[0].op, frames))

    @contextmanager
    def requested(self, request: str, annotator: str = "") -> Iterator[None]:
        """Write the id of a request with the changes of this thread, and who made it.

        `was_done` knows the request after a restart, too.
        """
        self._request.id, self._request.annotator = request or None, annotator
        try:
            yield
        finally:
            del self._request.id, self._request.annotator

    @property
    def work(self) -> dict[str, Work]:
        """The work of each annotator, undone steps included; "" stands for changes without a name."""
        with self._lock:
            return dict(self._work)

    def was_done(self, request: str) -> bool:
        """True if a request has been carried out, although its sender may not have got the answer."""
        return request in self._requests

    def check(self, op: ops.Operation | Mapping[str, object]) -> ops.Operation:
        """Validate an operation against the current state without doing it; raise the same errors as `do`."""
        checked = ops.check_operation(op, self.video)
        if not isinstance(checked, ops.Undo | ops.Redo):
            with self._lock:
                compute_effect(self._state, checked, self.version + 1)
        return checked

    def undo(self, base_version: int | None = None) -> Change:
        """Take back the last step."""
        return self.do(ops.Undo(), base_version)

    def redo(self, base_version: int | None = None) -> Change:
        """Repeat the step that was undone last."""
        return self.do(ops.Redo(), base_version)

    def snapshot(self) -> Json:
        """Return `take_snapshot` with "version", and the names of the operations that "undo" and "redo" affect."""
        with self._lock:
            steps, position = self._history.steps, self._history.position
            return {
                "version": self.version,
                "undo": steps[position - 1].op if position else None,
                "redo": steps[position].op if position < len(steps) else None,
                **take_snapshot(self._state, self.video),
            }

    @property
    def history(self) -> list[HistoryEntry]:
        """The steps, oldest first."""
        entries = []
        with self._lock:
            for index, step in enumerate(self._history.steps):
                frames = sum(key[0] == "mark" for key in step.patch)
                undone = index >= self._history.position
                subject = _subject(step.patch)
                entries.append(HistoryEntry(step.op, step.version, step.time, undone, step.tag, frames, *subject))
        return entries

    @property
    def patches(self) -> list[Patch]:
        """The changes of the steps that are in effect, oldest first."""
        with self._lock:
            return [step.patch for step in self._history.steps[: self._history.position]]

    def was_undone(self, run: int) -> bool:
        """True if the results of a propagation were undone and could be redone."""
        with self._lock:
            return self._history.was_undone(run)

    def subscribe(self, listener: Callable[[Change], None]) -> Callable[[], None]:
        """Call `listener` after each change, in the thread that made it; return a function that ends this."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def close(self) -> None:
        """Close the journal, which holds every change already."""
        if self._journal is not None:
            self._journal.close()

    def _change(self, op: ops.Operation, base: int | None) -> Change:
        if isinstance(op, ops.Undo | ops.Redo):
            return self._move(op.op, base)
        run = op.run if isinstance(op, ops.SetResults) else None
        if run is not None and run > self.version:
            raise UserError(f"set_results: run is {run}; allowed: 0 to {self.version}, the version it started from")
        if run is not None and self._history.was_undone(run):
            raise UserError("set_results: this propagation was undone; start it again")
        effect = compute_effect(self._state, op, self.version + 1 if run is None else run)
        if not effect.patch:
            self._note_request()
            return Change(self.version, op.op, {}, skipped=effect.skipped)
        # a person may draw over results they have not seen, but accept only masks they have seen
        derived_too = op.op == "accept"
        if base is not None and self._history.has_conflict(base, self.version, effect.patch, derived_too):
            raise Conflict(f"{op.op}: refused, another tab has changed the same since version {base}; look again")
        timestamp = round(time.time(), 3)
        self._write(ops.operation_to_json(op), timestamp)  # raises before anything has changed
        self._note_work(op, self._annotator())
        return self._advance(op, effect, timestamp, self._group, self.tag)

    def _move(self, direction: str, base: int | None) -> Change:
        """Undo, redo, or "rollback": an undo of a failed transaction, which cannot be redone."""
        step = self._history.step_to_redo() if direction == "redo" else self._history.step_to_undo()
        if base is not None and self._history.last_step_changed(base, self.version):
            raise Conflict(f"{direction}: refused, another tab has made a newer step since version {base}; look again")
        self._write({"op": direction}, round(time.time(), 3))
        return self._step(direction, step)

    def _advance(self, op: ops.Edit, effect: Effect, timestamp: float, group: _Group | None, tag: str | None) -> Change:
        """Apply an operation that is in the journal."""
        self.version += 1
        frames = self._dependent_spans(effect.spans)  # of the old state; those of the new one are added below
        self._state.apply(effect.patch)
        if effect.undoable:
            first_version, name = group or (None, None)
            run = op.run if isinstance(op, ops.SetResults) else None
            for patch in effect.steps or [effect.patch]:
                self._history.add(Step(name or op.op, self.version, timestamp, patch, run, first_version, tag))
        elif isinstance(op, ops.Redraw):
            for key, (old, new) in effect.patch.items():
                self._history.amend(key, old, new)
        self._history.remember(self.version, effect.patch, derived=isinstance(op, ops.SetResults))
        frames = union_spans(frames, self._dependent_spans(effect.spans))
        masks = self._mask_set_by(op)
        return Change(self.version, op.op, frames, effect.object_id, effect.segment_id, effect.skipped, masks)

    def _step(self, direction: str, step: Step) -> Change:
        self.version += 1
        spans = _patch_spans(step.patch)
        frames = self._dependent_spans(spans)
        if direction == "redo":
            self._state.apply(step.patch)
            self._history.position += 1
        else:
            self._state.revert(step.patch)
            self._history.position -= 1
        if direction == "rollback":  # a failed transaction must not be redone
            del self._history.steps[self._history.position :]
        self._history.remember(self.version, step.patch)
        return Change(self.version, direction, union_spans(frames, self._dependent_spans(spans)))

    def _write(self, op: Json, timestamp: float) -> None:
        if self._journal is None:
            self._note_request()
            return
        if not self._journal.lines:
            self._journal.append({"journal": FORMAT, "video": asdict(self.video)})
        record: Json = {"version": self.version + 1, "time": timestamp}
        group, name = self._group or (None, None)
        for key, value in (("group", group), ("as", name), ("tag", self.tag)):
            if value is not None:
                record[key] = value
        request = getattr(self._request, "id", None)
        if request is not None:
            record["request"] = request
        if annotator := self._annotator():
            record["by"] = annotator
        record["do"] = op
        self._journal.append(record, wait=self._group is None)  # a transaction waits once, at its end
        self._note_request()

    def _annotator(self) -> str:
        return getattr(self._request, "annotator", "") or self.annotator

    def _note_work(self, op: ops.Edit, annotator: str) -> None:
        work = self._work.get(annotator, Work())
        self._work[annotator] = work.after(op)

    def _note_request(self) -> None:
        request = getattr(self._request, "id", None)
        if request is not None and request not in self._requests:
            self._requests.append(request)

    def _group_has_step(self) -> bool:
        """True if the current transaction has done something that can be undone."""
        position = self._history.position
        if self._group is None or not position:
            return False
        return self._history.steps[position - 1].group == self._group.first_version

    def _notify(self, change: Change) -> None:
        for listener in tuple(self._listeners):  # a copy: a listener may unsubscribe
            listener(change)

    def _replay(self, journal: Journal) -> None:
        for record in journal.records():
            if journal.lines == 1:  # the header
                self._check_header(record, journal.path)
                continue
            try:
                self._redo_record(record)
            except (UserError, KeyError) as error:
                raise UserError(f"{journal.path}: line {journal.lines} cannot be repeated ({error})") from None
        if journal.torn:
            self.note = (
                f"{journal.path}: the last line was torn ({journal.torn} bytes, an operation that never finished); "
                f"left out, all {self.version} changes before it are loaded"
            )

    def _redo_record(self, record: Json) -> None:
        if "request" in record:
            self._requests.append(record["request"])
        name = record["do"]["op"]
        if name in ("undo", "rollback"):
            self._step(name, self._history.step_to_undo())
        elif name == "redo":
            self._step("redo", self._history.step_to_redo())
        else:
            op = ops.load_operation(record["do"])
            self._note_work(op, record.get("by", ""))
            # masks of a propagation are as old as its start, so that later anchors make them stale
            run = op.run if isinstance(op, ops.SetResults) else None
            effect = compute_effect(self._state, op, self.version + 1 if run is None else run)
            group = _Group(record["group"], record.get("as")) if "group" in record else None
            self._advance(op, effect, record["time"], group, record.get("tag"))

    def _check_header(self, record: Json, path: Path) -> None:
        if record.get("journal") != FORMAT:
            raise UserError(f"{path}: written by another version of this tool; update avseg")
        recorded = record["video"]
        for key in ("frames", "height", "width"):  # a renamed video is the same video
            actual = getattr(self.video, key)
            if recorded[key] != actual:
                raise UserError(
                    f"{path}: was made for a video with {key} {recorded[key]}, and {self.video.name} has {actual}; "
                    f"put the right video back, or move {path.parent} away"
                )

    def _dependent_spans(self, spans: dict[int, Span]) -> dict[int, Span]:
        """Extend spans by the frames that depend on their first and last frame."""
        extended = {}
        for object_id, (start, end) in spans.items():
            first = self._state.segment_at(object_id, start)
            last = self._state.segment_at(object_id, end - 1)
            # without a segment nothing depends on the frame
            low = self._state.span_around(first, start)[0] if first is not None else start
            high = self._state.span_around(last, end - 1)[1] if last is not None else end
            extended[object_id] = (min(low, start), max(high, end))
        return extended

    def _mask_set_by(self, op: ops.Edit) -> dict[tuple[int, int], RLE]:
        if not isinstance(op, ops.SetMask | ops.Draw | ops.Redraw):
            return {}
        mask = self.rle(op.object_id, op.frame)
        return {} if mask is None else {(op.object_id, op.frame): mask}


def _subject(patch: Patch) -> tuple[int | None, Span | None]:
    """Return the object that a patch is about and its frames; None for several objects or none."""
    spans = _patch_spans(patch)
    objects = set(spans) | {key[1] for key in patch if key[0] == "object"}
    if len(objects) != 1:
        return None, None
    (object_id,) = objects
    return object_id, spans.get(object_id)


def _patch_spans(patch: Patch) -> dict[int, Span]:
    """Return the frames that a patch is about, by object id."""
    spans: dict[int, Span] = {}
    for key, records in patch.items():
        if key[0] == "mark":
            extend_span(spans, key[1], key[2], key[2] + 1)
        elif key[0] == "segment":
            for segment in records:
                if segment is not None:
                    extend_span(spans, segment.object_id, segment.start, segment.end)
    return spans
