"""The work of an annotator on a video: the figures of a cost table."""

from dataclasses import dataclass, replace

from avseg.annotate.document import operations as ops


@dataclass(frozen=True, slots=True)
class Work:
    """Counts of what one annotator did, also of what was undone later."""

    objects: int = 0  # added
    segments: int = 0  # added
    inputs: int = 0  # clicks, boxes, strokes and polygons
    accepted: int = 0  # frames and segments
    rejected: int = 0  # segments
    seconds: float = 0.0  # of work
    clicks: int = 0  # as the page counted them

    def after(self, op: ops.Edit) -> "Work":
        """Return the counts after one more operation."""
        match op:
            case ops.AddObject():
                return replace(self, objects=self.objects + 1)
            case ops.AddSegment() | ops.SplitSegment():
                return replace(self, segments=self.segments + 1)
            case ops.Draw():
                return replace(self, inputs=self.inputs + len(op.actions))
            case ops.Accept():
                return replace(self, accepted=self.accepted + len(op.frames))
            case ops.SetSegmentStatus(status="accepted"):
                return replace(self, accepted=self.accepted + 1)
            case ops.SetSegmentStatus(status="rejected"):
                return replace(self, rejected=self.rejected + 1)
            case ops.Spend():
                seconds, clicks = op.seconds or 0.0, op.clicks or 0
                return replace(self, seconds=self.seconds + seconds, clicks=self.clicks + clicks)
        return self
