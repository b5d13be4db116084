"""Videos, segments and labels of LU-AVS.

"Benchmarking Audio Visual Segmentation for Long-Untrimmed Videos", CVPR 2024. A class is an index 0..K-1 into the list
of labels; frames are numbered from 0 in presentation order, at the frame rate of the video.
"""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Segment:
    """An audible segment: one object that sounds in the frames [start, end)."""

    start: int  # first frame
    end: int  # frame after the last
    label: int  # its class, 0..K-1
    folder: Path | None  # holds its masks.npy or bbox.npy; None in releases with sound labels only (UnAV-100)


@dataclass(frozen=True)
class LUVideo:
    """A long video."""

    id: str  # name in the annotations
    path: Path
    fps: float  # frames per second, as annotated
    duration: float  # seconds, as annotated; exact times are read from the file
    subset: str
    segments: tuple[Segment, ...]  # in the order of the annotations; they may overlap and repeat a class
    has_masks: bool  # True if its segments have masks ("normal"), False if they have boxes only ("hard")

    @property
    def classes(self) -> list[int]:
        """Classes that sound anywhere in the video, ascending."""
        return sorted({segment.label for segment in self.segments})


@dataclass(frozen=True)
class Release:
    """A complete data set."""

    labels: list[str]  # names of the classes, by ascending label_id
    videos: dict[str, LUVideo]  # by id

    def subset(self, name: str) -> list[LUVideo]:
        """Return the videos of "train", "val" or "test", sorted by id."""
        return [self.videos[video_id] for video_id in sorted(self.videos) if self.videos[video_id].subset == name]
