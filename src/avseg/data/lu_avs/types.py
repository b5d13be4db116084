"""Videos, segments and labels of LU-AVS.

"Benchmarking Audio Visual Segmentation for Long-Untrimmed Videos", CVPR 2024. A class is an index 0..K-1 into the list
of labels; frames are numbered from 0 in presentation order, at the frame rate of the video.
"""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Segment:
    """An audible segment: one object that sounds in the frames [start, end).

    Attributes:
        start: first frame.
        end: frame after the last.
        label: its class, 0..K-1.
        folder: holds its masks.npy or bbox.npy; None in releases with sound labels only (UnAV-100).
    """

    start: int
    end: int
    label: int
    folder: Path | None


@dataclass(frozen=True)
class LUVideo:
    """A long video.

    Attributes:
        id: name in the annotations.
        path: the video file.
        fps: frames per second, as annotated.
        duration: seconds, as annotated; exact times are read from the file.
        subset: "train", "val" or "test".
        segments: in the order of the annotations; they may overlap and repeat a class.
        has_masks: True if its segments have masks ("normal"), False if they have boxes only ("hard").
    """

    id: str
    path: Path
    fps: float
    duration: float
    subset: str
    segments: tuple[Segment, ...]
    has_masks: bool

    @property
    def classes(self) -> list[int]:
        """Classes that sound anywhere in the video, ascending."""
        return sorted({segment.label for segment in self.segments})


@dataclass(frozen=True)
class Release:
    """A complete data set.

    Attributes:
        labels: names of the classes, by ascending label_id.
        videos: by id.
    """

    labels: list[str]
    videos: dict[str, LUVideo]

    def subset(self, name: str) -> list[LUVideo]:
        """Return the videos of "train", "val" or "test", sorted by id."""
        return [self.videos[video_id] for video_id in sorted(self.videos) if self.videos[video_id].subset == name]
