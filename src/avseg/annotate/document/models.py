"""What an annotation is made of: objects, their audible segments, and a mark for each object and frame."""

from dataclasses import dataclass, field

from avseg.annotate.document.rle import RLE
from avseg.draw.palette import OKABE_ITO

Points = tuple[tuple[float, float, int], ...]  # x, y in pixels; 1 = on the object, 0 = off it
Box = tuple[float, float, float, float]  # x0, y0, x1, y1 in pixels

HAND = ("points", "brush", "box", "import", "hand")  # a person's masks: never overwritten by a propagation
DERIVED = ("propagated", "refined")
STATUSES = ("open", "done", "skipped")
SEGMENT_STATUSES = ("open", "accepted", "rejected")

COLOURS = tuple(f"#{red:02x}{green:02x}{blue:02x}" for red, green, blue in OKABE_ITO.values())


@dataclass(frozen=True, slots=True)
class VideoFacts:
    """The video that is annotated: its name, frames in all, mean rate, and size as shown."""

    name: str
    frames: int
    fps: float
    height: int
    width: int


@dataclass(frozen=True, slots=True)
class Object:
    """Something that sounds: `label` is its class, `name` tells it from others of the class; `colour` is "#rrggbb"."""

    id: int
    label: str
    name: str

    @property
    def colour(self) -> str:
        """The colour in which it is drawn."""
        return COLOURS[(self.id - 1) % len(COLOURS)]


@dataclass(frozen=True, slots=True)
class Segment:
    """When an object sounds: from frame `start` up to, not including, frame `end`; `status` is that of the review."""

    id: int
    object: int
    start: int
    end: int
    status: str = "open"

    def __contains__(self, frame: int) -> bool:
        """Whether it sounds in this frame."""
        return self.start <= frame < self.end


@dataclass(frozen=True, slots=True)
class Mark:
    """What is known of one object in one frame.

    Attributes:
        counts: run lengths of its mask at the video's size; None where there are only prompts.
        source: who made the mask: one of `HAND`, or of `DERIVED`.
        stamp: when the mask was made: the version of the document; of a propagation the version that it started from.
        accepted: whether a person signed it.
        points: prompts, or the points by which the frame was refined.
        box: the box prompt.
        score: quality in 0..1.
        terms: what the quality is made of.
        model: the backend that made the mask.
        from_frame: of a derived mask, the frame that it was carried from.
        from_stamp: the stamp that the mask of that frame had.
    """

    counts: bytes | None
    source: str
    stamp: int
    accepted: bool = False
    points: Points = ()
    box: Box | None = None
    score: float | None = None
    terms: tuple[tuple[str, float], ...] = ()
    model: str | None = None
    from_frame: int | None = None
    from_stamp: int | None = None

    @property
    def anchor(self) -> bool:
        """Whether propagation starts here and never passes: a mask that a person made or accepted."""
        return self.counts is not None and (self.accepted or self.source in HAND)


@dataclass(frozen=True, slots=True)
class FrameInfo:
    """What can be told of one object in one frame; see `Mark`. `stale`: its mask came from what has changed since."""

    source: str | None = None
    accepted: bool = False
    stale: bool = False
    anchor: bool = False
    points: Points = ()
    box: Box | None = None
    score: float | None = None
    terms: dict[str, float] = field(default_factory=dict)
    from_frame: int | None = None
    model: str | None = None

    @property
    def refined(self) -> bool:
        """Whether the segmenter refined a propagated mask."""
        return self.source == "refined"

    @property
    def hand_edited(self) -> bool:
        """Whether a person painted the mask."""
        return self.source in ("brush", "hand")


@dataclass(frozen=True, slots=True)
class Spent:
    """A person's work on a segment."""

    seconds: float = 0.0
    clicks: int = 0


@dataclass(frozen=True, slots=True)
class Change:
    """What an operation did.

    Attributes:
        version: of the document after it.
        op: its name; undo and redo tell "undo" and "redo".
        frames: for each object the half-open range of frames whose masks or staleness may differ now.
        object: the object that was added.
        segment: the segment that was added, by a split the right one, by a merge the whole.
        skipped: results that were left out: on frames a person made or accepted, or outside every segment.
        masks: run lengths of masks that the operation set, by (object, frame); of a single frame only.
    """

    version: int
    op: str
    frames: dict[int, tuple[int, int]] = field(default_factory=dict)
    object: int | None = None
    segment: int | None = None
    skipped: int = 0
    masks: dict[tuple[int, int], RLE] = field(default_factory=dict)
