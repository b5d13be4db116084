"""The document in its plainest form: whole copies for undo, every frame looked at for staleness."""

import copy

from avseg.annotate.document.models import HAND
from tests.annotate.document_helpers import FACTS


class Model:
    """The plainest form of the same: whole copies of everything for undo, and staleness by looking at every frame."""

    def __init__(self):
        self.now = {"objects": {}, "segments": {}, "marks": {}, "status": "open"}
        self.past, self.future, self.version = [], [], 0

    def do(self, op):
        """Gives False where it is refused."""
        if op["op"] in ("undo", "redo"):
            source, target = (self.past, self.future) if op["op"] == "undo" else (self.future, self.past)
            if not source:
                return False
            target.append(self.now)
            self.now = source.pop()
            self.version += 1
            return True
        before = copy.deepcopy(self.now)
        if getattr(self, op["op"])(**{key: value for key, value in op.items() if key != "op"}) is False:
            self.now = before
            return False
        if self.now != before:
            self.past.append(before)
            self.future.clear()
            self.version += 1
        return True

    def of(self, name):
        return {key: each for key, each in self.now["segments"].items() if each[0] == name}

    def at(self, name, frame):
        return next((key for key, (_, start, end, _) in self.of(name).items() if start <= frame < end), None)

    def add_object(self, label):
        same = sum(each[0] == label for each in self.now["objects"].values())
        number = max(self.now["objects"], default=0) + 1
        self.now["objects"][number] = (label, f"{label} {same + 1}" if same else label)

    def edit_object(self, object, label):
        if object not in self.now["objects"]:
            return False
        self.now["objects"][object] = (label, self.now["objects"][object][1])

    def remove_object(self, object):
        if self.now["objects"].pop(object, None) is None:
            return False
        self.now["segments"] = {key: each for key, each in self.now["segments"].items() if each[0] != object}
        self.now["marks"] = {key: each for key, each in self.now["marks"].items() if key[0] != object}

    def fits(self, name, start, end, but=()):
        others = [each for key, each in self.of(name).items() if key not in but]
        return start < end and not any(start < high and low < end for _, low, high, _ in others)

    def add_segment(self, object, start, end):
        if object not in self.now["objects"] or not self.fits(object, start, end):
            return False
        self.now["segments"][max(self.now["segments"], default=0) + 1] = (object, start, end, "open")

    def edit_segment(self, segment, start=None, end=None):
        if segment not in self.now["segments"]:
            return False
        name, low, high, status = self.now["segments"][segment]
        new = (low if start is None else start, high if end is None else end)
        if not self.fits(name, *new, but=[segment]):
            return False
        self.now["segments"][segment] = (name, *new, status)

    def split_segment(self, segment, at):
        if segment not in self.now["segments"]:
            return False
        name, start, end, status = self.now["segments"][segment]
        if not start < at < end:
            return False
        self.now["segments"][segment] = (name, start, at, status)
        self.now["segments"][max(self.now["segments"]) + 1] = (name, at, end, status)

    def merge_segments(self, segments):
        parts = [self.now["segments"].get(each) for each in segments]
        if None in parts or len({each[0] for each in parts}) > 1:
            return False
        start, end = min(each[1] for each in parts), max(each[2] for each in parts)
        if not self.fits(parts[0][0], start, end, but=segments):
            return False
        first = min(segments, key=lambda each: self.now["segments"][each][1])
        status = parts[0][3] if len({each[3] for each in parts}) == 1 else "open"
        for each in segments:
            del self.now["segments"][each]
        self.now["segments"][first] = (parts[0][0], start, end, status)

    def move_segment(self, segment, object):
        if segment not in self.now["segments"] or object not in self.now["objects"]:
            return False
        name, start, end, status = self.now["segments"][segment]
        if name == object:
            return
        if not self.fits(object, start, end):
            return False
        self.now["segments"][segment] = (object, start, end, status)
        for frame in range(start, end):
            self.now["marks"].pop((object, frame), None)
            if (name, frame) in self.now["marks"]:
                self.now["marks"][object, frame] = self.now["marks"].pop((name, frame))

    def remove_segment(self, segment):
        if segment not in self.now["segments"]:
            return False
        name, start, end, _ = self.now["segments"].pop(segment)
        low = max([high for _, _, high, _ in self.of(name).values() if high <= start], default=0)
        high = min([low for _, low, _, _ in self.of(name).values() if low >= end], default=FACTS.frames)
        for key in [key for key in self.now["marks"] if key[0] == name and low <= key[1] < high]:
            del self.now["marks"][key]

    def set_segment_status(self, segment, status):
        if segment not in self.now["segments"]:
            return False
        self.now["segments"][segment] = (*self.now["segments"][segment][:3], status)

    def set_prompts(self, object, frame, points):
        if object not in self.now["objects"] or self.at(object, frame) is None:
            return False
        empty = {"mask": None, "source": "points", "accepted": False, "stamp": self.version + 1, "origin": None}
        mark = self.now["marks"].setdefault((object, frame), empty)
        mark["points"] = points
        if mark["mask"] is None and not points:
            del self.now["marks"][object, frame]

    def set_mask(self, object, frame, mask, source):
        if object not in self.now["objects"] or self.at(object, frame) is None:
            return False
        new = {"mask": mask["counts"], "source": source, "accepted": False, "points": []}
        self.now["marks"][object, frame] = {**new, "stamp": self.version + 1, "origin": None}

    def clear_mask(self, object, frame):
        if self.at(object, frame) is None or self.now["marks"].pop((object, frame), None) is None:
            return False

    def anchor(self, name, frame):
        mark = self.now["marks"].get((name, frame))
        return mark is not None and mark["mask"] is not None and (mark["accepted"] or mark["source"] in HAND)

    def beside(self, name, frame):
        """The nearest anchors of the same segment on both sides."""
        _, start, end, _ = self.now["segments"][self.at(name, frame)]
        left = [each for each in range(start, frame) if self.anchor(name, each)]
        right = [each for each in range(frame + 1, end) if self.anchor(name, each)]
        return left[-1:] + right[:1]

    def set_results(self, segment, results):
        if segment not in self.now["segments"] or any(each["object"] not in self.now["objects"] for each in results):
            return False
        for each in results:
            name, frame = each["object"], each["frame"]
            there = self.at(name, frame)
            if there is None or (name == self.now["segments"][segment][0] and there != segment):
                continue
            if self.anchor(name, frame):
                continue
            origin = min(self.beside(name, frame), key=lambda other: (abs(other - frame), other), default=None)
            stamp = self.now["marks"][name, origin]["stamp"] if origin is not None else None
            new = {"mask": each["mask"]["counts"], "source": "propagated", "accepted": False, "points": []}
            self.now["marks"][name, frame] = {**new, "stamp": self.version + 1, "origin": (origin, stamp)}

    def accept(self, object, frames, accepted=True):
        if object not in self.now["objects"]:
            return False
        for frame in frames:
            mark = self.now["marks"].get((object, frame))
            there = mark is not None and mark["mask"] is not None and self.at(object, frame) is not None
            if accepted and not there:
                return False
            if there:
                mark["accepted"] = accepted

    def unaccept(self, object, frames):
        return self.accept(object, frames, accepted=False)

    def set_status(self, status):
        self.now["status"] = status

    def stale(self, name, frame):
        mark = self.now["marks"][name, frame]
        if mark["mask"] is None or mark["accepted"] or mark["source"] in HAND:
            return False
        origin, stamp = mark["origin"]
        if origin is not None:
            source = self.now["marks"].get((name, origin))
            if source is None or source["stamp"] != stamp:
                return True
            if self.at(name, origin) != self.at(name, frame) and self.beside(name, frame):
                return True
        return any(self.now["marks"][name, each]["stamp"] > mark["stamp"] for each in self.beside(name, frame))
