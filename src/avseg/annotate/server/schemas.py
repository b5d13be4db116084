"""Request bodies: strict JSON without unknown keys, every number bounded."""

from typing import Annotated, Literal

from annotated_types import Len
from pydantic import BaseModel, ConfigDict, Field

MAX_OPERATIONS = 2000
Id = Annotated[int, Field(ge=0, lt=2**31)]
Finite = Annotated[float, Field(allow_inf_nan=False, ge=-1e6, le=1e6)]
Point = Annotated[list[Finite], Len(3, 3)]  # x, y, 1 = on the object or 0 = off the object
Box = Annotated[list[Finite], Len(4, 4)]  # left, top, right, bottom
Points = Annotated[list[Point], Len(0, 200)]
Text = Annotated[str, Field(min_length=1, max_length=400)]


class Strict(BaseModel):
    """Values are not converted, and unknown keys are refused."""

    model_config = ConfigDict(strict=True, extra="forbid")


class Edit(Strict):
    """An edit carries the version of the document that the page knows."""

    base_version: Id


class Operations(Edit):
    """Operations in order; `avseg.annotate.document.operations` checks each."""

    ops: Annotated[list[dict[str, object]], Len(1, MAX_OPERATIONS)]


class Steps(Edit):
    """Number of steps to undo or redo."""

    steps: Annotated[int, Field(ge=1, le=10_000)] = 1


class ObjectInFrame(Edit):
    """An object in a frame."""

    object: Id
    frame: Id


class Draw(ObjectInFrame):
    """Actions on the inputs of an object in a frame; `avseg.annotate.document.inputs` checks each."""

    actions: Annotated[list[dict[str, object]], Len(1, MAX_OPERATIONS)]


class NextCandidate(ObjectInFrame):
    """Another of the masks that fit the prompts."""

    step: Literal[-1, 1] = 1


class CutOut(ObjectInFrame):
    """An object whose pixels are removed from the others, except for those that are locked."""

    keep: Annotated[list[Id], Len(0, 1000)] = Field(default_factory=list)


class Preview(Strict):
    """A point that has not been clicked."""

    object: Id
    frame: Id
    x: Finite
    y: Finite
    positive: bool = True


class Click(ObjectInFrame):
    """All points of a frame, including the new one."""

    points: Points


class BoxPrompt(ObjectInFrame):
    """A box, with the points of the frame."""

    box: Box
    points: Points = Field(default_factory=list)


class Rle(Strict):
    """COCO run lengths; `avseg.annotate.document.rle` checks them."""

    # height, width
    size: Annotated[list[Annotated[int, Field(ge=1, le=2**15)]], Len(2, 2)]
    counts: Annotated[str, Field(max_length=2**21)]


class Brush(ObjectInFrame):
    """The painted mask."""

    mask: Rle


class Propagate(Strict):
    """A segment to fill."""

    segment: Id
    direction: Literal["both", "forward", "backward"] = "both"
    refine: bool = True
    frame: Id | None = None  # only the span between two anchors around it
    include_current: bool = Field(default=False, alias="whole")  # also frames that are up to date


class Fill(Strict):
    """The segments of an object, or of all objects; the segment to begin with."""

    object: Id | None = None
    first: Id | None = None
    refine: bool = True


class Cancel(Strict):
    """A propagation of the queue, or all of them."""

    run: Id | None = None


class Prefetch(Strict):
    """Frames to encode ahead of time."""

    frames: Annotated[list[Id], Len(1, 8)]


class TimeSpent(Strict):
    """A person's work on a segment."""

    segment: Id
    seconds: Annotated[float, Field(ge=0, le=86_400, allow_inf_nan=False)]
    clicks: Annotated[int, Field(ge=0, le=100_000)]


class Propose(Strict):
    """A method that proposes audible segments; `avseg.annotate.proposals` checks the options."""

    method: Literal["energy", "audio_branch"] = "energy"
    options: dict[Text, float | None] = Field(default_factory=dict)


class LabelledSegment(Strict):
    """A proposed segment of the object with a label."""

    label: Text
    start: Id
    end: Id


class Proposals(Edit):
    """Proposed segments to add."""

    proposals: Annotated[list[LabelledSegment], Len(1, MAX_OPERATIONS)]


class Settings(Strict):
    """Settings of the page: own keys by the default ones, the theme, refinement, the mask under the pointer."""

    shortcuts: Annotated[dict[Text, Text], Len(0, 200)] = Field(default_factory=dict)
    theme: Literal["system", "light", "dark"] = "system"
    refine: bool = True
    preview: bool = True


class Export(Strict):
    """A format, and a folder inside the project."""

    format: Text
    out: Text = "exports"


class ProjectExport(Strict):
    """One data set of all videos."""

    format: Text
    out: Text = "exports/project"
    setting: Literal["ms3", "avss"] = "ms3"
    pictures: bool = False


class LabelClass(Strict):
    """A class of the project."""

    name: Text
    colour: Annotated[str, Field(pattern="^#[0-9a-fA-F]{6}$")] | None = None


class Classes(Strict):
    """The classes of the project, or a preset to add."""

    classes: Annotated[list[LabelClass], Len(0, 1000)] = Field(default_factory=list)
    preset: Literal["lu_avs", "avsbench"] | None = None


class Splits(Strict):
    """Splits by the name of the video."""

    splits: Annotated[dict[Text, Literal["train", "val", "test"]], Len(1, 100_000)]


class Import(Edit):
    """A format, and a folder inside the project."""

    format: Text
    source: Text
