"""One video's annotation: every change goes through `do`, is on the disk before it is seen, and can be undone."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from avseg.annotate import operations
from avseg.annotate.effects import Effect, Op, effect
from avseg.annotate.history import History, Step
from avseg.annotate.journal import Journal, Record
from avseg.annotate.records import Change, FrameInfo, Object, Segment, Spent, VideoFacts
from avseg.annotate.rle import RLE, Mask, decode_counts
from avseg.annotate.snapshot import snapshot
from avseg.annotate.state import Key, Patch, State
from avseg.errors import UserError

FORMAT = 1  # of the journal
_DECODED = 64 << 20  # bytes of decoded masks that are kept


class Document:
    """The annotation of a video, shared by everybody who has it open in this process; safe to use from any thread.

    Args:
        video: what is annotated.
        folder: where `journal.jsonl` lies or will lie; None keeps everything in memory.

    Attributes:
        video: what is annotated.
        version: how many changes there have been, undos included.
        note: what was found and mended at the opening; empty if all was well.

    Raises:
        UserError: the journal is damaged, or is that of another video.
    """

    def __init__(self, video: VideoFacts, folder: Path | None = None) -> None:
        self.video = video
        self.version = 0
        self.note = ""
        self._state = State()
        self._history = History()
        self._journal = Journal(folder / "journal.jsonl") if folder is not None else None
        self._lock = threading.RLock()
        self._listeners: list[Callable[[Change], None]] = []
        self._decoded: OrderedDict[bytes, Mask] = OrderedDict()
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
        if change.version > before:
            for listener in tuple(self._listeners):
                listener(change)
        return change

    def undo(self, base_version: int | None = None) -> Change:
        """Takes the last step back."""
        return self.do({"op": "undo", "base_version": base_version})

    def redo(self, base_version: int | None = None) -> Change:
        """Does the last undone step again."""
        return self.do({"op": "redo", "base_version": base_version})

    @property
    def objects(self) -> dict[int, Object]:
        """By id."""
        with self._lock:
            return dict(self._state.objects)

    @property
    def segments(self) -> dict[int, Segment]:
        """By id."""
        with self._lock:
            return dict(self._state.segments)

    @property
    def status(self) -> str:
        """Of the video: "open", "done" or "skipped"."""
        return self._state.status

    @property
    def spent(self) -> dict[int, Spent]:
        """A person's time and clicks, by segment."""
        with self._lock:
            return dict(self._state.spent)

    def mask(self, object: int, frame: int) -> Mask | None:
        """The mask of an object in a frame, (H, W) bool, not to be written to; None where it is silent or unknown."""
        with self._lock:
            mark = self._state.visible(object, frame)
            return None if mark is None or mark.counts is None else self._decode(mark.counts)

    def rle(self, object: int, frame: int) -> RLE | None:
        """The same as run lengths, without decoding."""
        with self._lock:
            mark = self._state.visible(object, frame)
        if mark is None or mark.counts is None:
            return None
        return {"size": [self.video.height, self.video.width], "counts": mark.counts.decode("ascii")}

    def frame_info(self, object: int, frame: int) -> FrameInfo:
        """Where the mask of an object in a frame comes from, how good it is, and whether it is out of date."""
        with self._lock:
            mark = self._state.visible(object, frame)
            if mark is None:
                return FrameInfo()
            return FrameInfo(
                source=mark.source,
                accepted=mark.accepted,
                stale=self._state.stale(object, frame),
                anchor=mark.anchor,
                points=mark.points,
                box=mark.box,
                score=mark.score,
                terms=dict(mark.terms),
                from_frame=mark.from_frame,
                model=mark.model,
            )

    def segment_at(self, object: int, frame: int) -> Segment | None:
        """The segment in which an object sounds in a frame; None = it is silent."""
        with self._lock:
            return self._state.segment_at(object, frame)

    def segments_of(self, object: int) -> list[Segment]:
        """The segments of an object, in the order of time."""
        with self._lock:
            return self._state.segments_of(object)

    def masked(self, segment: int) -> list[int]:
        """The frames of a segment that have a mask, ascending."""
        with self._lock:
            found = self._state.segment(segment)
            marks = self._state.marks.get(found.object, {})
            return [frame for frame in self._state.frames_in(found) if marks[frame].counts is not None]

    def anchors(self, segment: int) -> list[int]:
        """The frames of a segment with a mask that a person made or accepted, ascending: propagation's barriers."""
        with self._lock:
            return self._state.anchors(self._state.segment(segment))

    def wanting(self, segment: int) -> list[int]:
        """The frames of a segment whose mask is missing or stale, ascending: what there is to propagate."""
        with self._lock:
            found = self._state.segment(segment)
            marks = self._state.marks.get(found.object, {})
            return [
                frame
                for frame in range(found.start, found.end)
                if frame not in marks or marks[frame].counts is None or self._state.outdated(found, frame, marks[frame])
            ]

    def piece(self, segment: int, frame: int) -> tuple[int, int]:
        """The half-open range of frames between the anchors beside a frame: what a propagation there makes anew."""
        with self._lock:
            return self._state.piece(self._state.segment(segment), frame)

    def snapshot(self) -> dict[str, Any]:
        """Everything but masks as plain JSON, see `snapshot.snapshot`, with "version", "undo" and "redo" (or None)."""
        with self._lock:
            steps, place = self._history.steps, self._history.place
            undo = steps[place - 1].op if place else None
            redo = steps[place].op if place < len(steps) else None
            return {"version": self.version, "undo": undo, "redo": redo, **snapshot(self._state, self.video)}

    @property
    def history(self) -> list[dict[str, Any]]:
        """The steps, oldest first: "op", "version", "time" (since 1970), "undone", "frames" (how many marks)."""
        with self._lock:
            return [
                {
                    "op": step.op,
                    "version": step.version,
                    "time": step.time,
                    "undone": place >= self._history.place,
                    "frames": sum(key[0] == "mark" for key in step.patch),
                }
                for place, step in enumerate(self._history.steps)
            ]

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
        if base is not None and self._history.conflict(base, self.version, done.patch):
            raise UserError(f"{op['op']}: refused, another tab has changed the same since version {base}; look again")
        now = time.time()
        self._write(op, now)
        return self._advance(op, done, now)

    def _move(self, direction: str, base: int | None) -> Change:
        step = self._history.to_undo() if direction == "undo" else self._history.to_redo()
        if base is not None and self._history.top_changed(base, self.version):
            raise UserError(f"{direction}: refused, another tab has made a newer step since version {base}; look again")
        self._write({"op": direction}, time.time())
        return self._step(direction, step)

    def _advance(self, op: Op, done: Effect, now: float) -> Change:
        """Lets an operation that is in the journal take effect."""
        self.version += 1
        before = self._reach(done.spans)
        self._state.apply(done.patch)
        if done.undoable:
            self._history.add(Step(op["op"], self.version, now, done.patch, op.get("run")))
        self._history.note(self.version, done.patch)
        frames = _union(before, self._reach(done.spans))
        return Change(self.version, op["op"], frames, done.object, done.segment, done.skipped, self._single(op))

    def _step(self, direction: str, step: Step) -> Change:
        self.version += 1
        spans = _spans(step.patch)
        before = self._reach(spans)
        if direction == "undo":
            self._state.revert(step.patch)
            self._history.place -= 1
        else:
            self._state.apply(step.patch)
            self._history.place += 1
        self._history.note(self.version, step.patch)
        return Change(self.version, direction, _union(before, self._reach(spans)))

    def _write(self, op: Op, now: float) -> None:
        if self._journal is None:
            return
        if not self._journal.lines:
            video = {key: getattr(self.video, key) for key in ("name", "frames", "fps", "height", "width")}
            self._journal.append({"journal": FORMAT, "video": video})
        self._journal.append({"version": self.version + 1, "time": round(now, 3), "do": op})

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
        if op["op"] == "undo":
            self._step("undo", self._history.to_undo())
        elif op["op"] == "redo":
            self._step("redo", self._history.to_redo())
        else:
            stamp = op.get("run", self.version + 1)
            self._advance(op, effect(self._state, op, stamp), record["time"])

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

    def _decode(self, counts: bytes) -> Mask:
        if counts in self._decoded:
            self._decoded.move_to_end(counts)
            return self._decoded[counts]
        mask = decode_counts(counts, self.video.height, self.video.width)
        mask.flags.writeable = False
        self._decoded[counts] = mask
        while len(self._decoded) > max(_DECODED // mask.nbytes, 1):
            self._decoded.popitem(last=False)
        return mask

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
    return {name: (min(one[name][0], other[name][0]), max(one[name][1], other[name][1])) for name in one}
