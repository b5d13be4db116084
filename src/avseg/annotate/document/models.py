"""Records of an annotation: objects, their audible segments, and one mark per object and frame."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from avseg.annotate.document.rle import RLE
from avseg.draw.palette import OKABE_ITO

Json = dict[str, Any]  # a JSON object
Points = tuple[tuple[float, float, int], ...]  # x, y in pixels; 1 = on the object, 0 = off it
Box = tuple[float, float, float, float]  # x0, y0, x1, y1 in pixels
Span = tuple[int, int]  # frames [start, end)

HAND = ("points", "brush", "box", "import", "hand")  # masks made by a person: a propagation never overwrites them
DERIVED = ("propagated", "refined")
STATUSES = ("open", "done", "skipped")
SEGMENT_STATUSES = ("open", "accepted", "rejected")

COLOURS = tuple(f"#{red:02x}{green:02x}{blue:02x}" for red, green, blue in OKABE_ITO.values())


@dataclass(frozen=True, slots=True)
class VideoFacts:
    """The annotated video: its name, number of frames, mean frame rate, and size as displayed."""

    name: str
    frames: int
    fps: float
    height: int
    width: int


@dataclass(frozen=True, slots=True)
class Object:
    """A sounding object: `label` is its class, `name` distinguishes it from others of that class."""

    id: int
    label: str
    name: str

    @property
    def colour(self) -> str:
        """Display colour, "#rrggbb"."""
        return COLOURS[(self.id - 1) % len(COLOURS)]


@dataclass(frozen=True, slots=True)
class Segment:
    """An audible segment: the object sounds in frames [start, end); `status` is the review status."""

    id: int
    object_id: int
    start: int
    end: int
    status: str = "open"

    def __contains__(self, frame: int) -> bool:
        return self.start <= frame < self.end


@dataclass(frozen=True, slots=True)
class Input:
    """Something that a person drew: a point, a box, a stroke or a polygon; see `inputs`."""

    id: str  # unique among the inputs of an object in a frame
    kind: str
    # coordinates in pixels: x, y, x, y, ...; of a box left, top, right, bottom; of a choice index and number
    values: tuple[float, ...]
    positive: bool = True  # on the object or off it; a stroke or polygon adds or removes
    radius: float = 0.0  # of a stroke in pixels

    @property
    def paints(self) -> bool:
        """True if the input sets pixels, False if it is a prompt for the segmenter."""
        return self.kind in ("stroke", "polygon")


@dataclass(frozen=True, slots=True)
class Mark:
    """Mask and prompts of one object in one frame."""

    counts: bytes | None  # run lengths of the mask at the size of the video; None if there are only prompts
    source: str  # origin of the mask: one of `HAND` or `DERIVED`
    stamp: int  # age of the mask as a version of the document; for a propagated one the version the run started from
    accepted: bool = False  # True if a person signed it
    points: Points = ()  # prompts, or points by which the frame was refined
    box: Box | None = None
    score: float | None = None  # quality, 0 to 1
    terms: tuple[tuple[str, float], ...] = ()  # of the quality score
    model: str | None = None  # backend that made the mask
    from_frame: int | None = None  # frame that a derived mask was propagated from
    from_stamp: int | None = None  # stamp that the mask of that frame had
    inputs: tuple[Input, ...] = ()  # of a person, in order; the mask was drawn from `base` and these
    base: "Mark | None" = None  # the mark before the first input
    drawn: bool = True  # False if the mask is still the one from before the last inputs, see `drafts.marks_after`

    @property
    def anchor(self) -> bool:
        """True if propagation starts here and never passes: a person made or accepted the mask."""
        return self.counts is not None and (self.accepted or self.source in HAND)


@dataclass(frozen=True, slots=True)
class FrameInfo:
    """Provenance and quality of one object in one frame, see `Mark`; `stale`: made from a mask that has changed."""

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
    inputs: tuple[Input, ...] = ()
    base: bytes | None = None  # run lengths of the mask before the first input


@dataclass(frozen=True, slots=True)
class Effort:
    """A person's work on a segment."""

    seconds: float = 0.0
    clicks: int = 0


@dataclass(frozen=True, slots=True)
class Change:
    """Result of an operation."""

    version: int  # of the document after it
    op: str
    frames: dict[int, Span] = field(default_factory=dict)  # by object id: frames whose masks or staleness may differ
    object_id: int | None = None  # of the object that was added
    segment_id: int | None = None  # of the segment that was added; after a split of the right one
    skipped: int = 0  # number of results left out: on frames that a person made or accepted, or outside all segments
    masks: dict[tuple[int, int], RLE] = field(default_factory=dict)  # that were set, by object id and frame
    note: str = ""  # what to tell the user, such as why inputs gave no mask


def extend_span(spans: dict[int, Span], object_id: int, start: int, end: int) -> None:
    """Extend the span of an object in place so that it includes [start, end)."""
    low, high = spans.get(object_id, (start, end))
    spans[object_id] = (min(low, start), max(high, end))


def union_spans(*mappings: Mapping[int, Span]) -> dict[int, Span]:
    """Merge spans by object id; the union of two spans includes the gap between them."""
    merged: dict[int, Span] = {}
    for spans in mappings:
        for object_id, (start, end) in spans.items():
            extend_span(merged, object_id, start, end)
    return merged
