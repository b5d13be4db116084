"""What LU-AVS is made of: long videos with audible segments.

"Benchmarking Audio Visual Segmentation for Long-Untrimmed Videos", CVPR 2024. A class is a place 0..K-1 in the list of
labels; frames are counted from 0 at the video's own rate, in the order of showing.
"""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Segment:
    """An audible segment: one object that sounds from frame `start` up to, not including, frame `end`.

    Attributes:
        start: first frame.
        end: the frame after the last.
        label: its class, 0..K-1.
        folder: where its masks.npy or bbox.npy lies; None in releases of sound alone (UnAV-100).
    """

    start: int
    end: int
    label: int
    folder: Path | None


@dataclass(frozen=True)
class LUVideo:
    """A long video.

    Attributes:
        id: its name in the annotations.
        path: the video file.
        fps: frames per second, as annotated.
        duration: seconds, as annotated; the file itself is asked for exact times.
        subset: "train", "val" or "test".
        segments: in the order of the annotations; they may overlap and repeat a class.
        has_masks: whether its segments have masks ("normal"), or boxes alone ("hard").
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
        """The classes that sound anywhere in it, ascending."""
        return sorted({segment.label for segment in self.segments})


@dataclass(frozen=True)
class Release:
    """A whole data set.

    Attributes:
        labels: names of the classes, by ascending label_id.
        videos: by id.
    """

    labels: list[str]
    videos: dict[str, LUVideo]

    def subset(self, name: str) -> list[LUVideo]:
        """The videos of "train", "val" or "test", in the order of their ids."""
        return [self.videos[key] for key in sorted(self.videos) if self.videos[key].subset == name]

    @property
    def mask_classes(self) -> list[int]:
        """The classes with masks (78 of the 88 in the release), ascending."""
        return sorted({label for video in self.videos.values() if video.has_masks for label in video.classes})
