"""What the page may send: strict JSON, nothing unknown, every number bounded."""

from typing import Annotated, Any, Literal

from annotated_types import Len
from pydantic import BaseModel, ConfigDict, Field

MOST_OPS = 2000
Id = Annotated[int, Field(ge=0, lt=2**31)]
Finite = Annotated[float, Field(allow_inf_nan=False, ge=-1e6, le=1e6)]
Point = Annotated[list[Finite], Len(3, 3)]  # x, y, 1 = on the object or 0 = beside it
Box = Annotated[list[Finite], Len(4, 4)]  # left, top, right, bottom
Points = Annotated[list[Point], Len(0, 200)]
Text = Annotated[str, Field(min_length=1, max_length=400)]


class Strict(BaseModel):
    """Types are taken as they are, and unknown keys are refused."""

    model_config = ConfigDict(strict=True, extra="forbid")


class Based(Strict):
    """What changes the video says which version of it the page knows."""

    base_version: Id


class Ops(Based):
    """Operations, done one after the other; `avseg.annotate.document.operations` checks each."""

    ops: Annotated[list[dict[str, Any]], Len(1, MOST_OPS)]


class Steps(Based):
    """How many steps to undo or redo."""

    steps: Annotated[int, Field(ge=1, le=10_000)] = 1


class Click(Based):
    """All points of a frame, the new one included."""

    object: Id
    frame: Id
    points: Points


class BoxPrompt(Based):
    """A box, with the points there are."""

    object: Id
    frame: Id
    box: Box
    points: Points = Field(default_factory=list)


class Rle(Strict):
    """COCO's run lengths; `avseg.annotate.document.rle` checks them."""

    size: Annotated[list[Annotated[int, Field(ge=1, le=2**15)]], Len(2, 2)]
    counts: Annotated[str, Field(max_length=2**21)]


class Brush(Based):
    """The mask as painted."""

    object: Id
    frame: Id
    mask: Rle


class Place(Based):
    """An object in a frame."""

    object: Id
    frame: Id


class Propagate(Strict):
    """A segment to fill."""

    segment: Id
    direction: Literal["both", "forward", "backward"] = "both"
    refine: bool = True
    frame: Id | None = None  # only the piece around it
    whole: bool = False  # also what is up to date


class Look(Strict):
    """Frames to look at ahead."""

    frames: Annotated[list[Id], Len(1, 8)]


class Spend(Strict):
    """Work on a segment."""

    segment: Id
    seconds: Annotated[float, Field(ge=0, le=86_400, allow_inf_nan=False)]
    clicks: Annotated[int, Field(ge=0, le=100_000)]


class Propose(Strict):
    """How to find where something sounds; `avseg.annotate.proposals.energy` checks the options."""

    method: Text = "energy"
    options: dict[Text, float | None] = Field(default_factory=dict)


class Export(Strict):
    """A format, and a folder inside the project."""

    format: Text
    out: Text = "exports"


class Import(Based):
    """A format, and a folder inside the project."""

    format: Text
    source: Text
