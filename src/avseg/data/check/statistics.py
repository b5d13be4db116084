"""Statistics of a data set for tables and plots."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TypedDict, TypeVar

import numpy as np

from avseg.data.check.clips import ClipRecord
from avseg.data.setting import SPLITS

Record = TypeVar("Record")


class Quantiles(TypedDict, total=False):
    """Summary of a list of numbers."""

    mean: float
    p10: float
    median: float
    p90: float


@dataclass
class SplitStatistics:
    """Statistics of one split."""

    clips: int = 0  # number of clips, or of long videos
    frames: int = 0  # number of frames; all frames of long videos
    annotated: int = 0  # number of annotated frames, or of audible segments of long videos
    silent: float = 0.0  # share of annotated frames without a mark; share of the time of long videos
    # marked share of the image, for each annotated frame with a mark
    mask_sizes: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)  # lengths of the sounds, or of the long videos
    segments: list[float] = field(default_factory=list)  # lengths of the audible segments in seconds; [] for clips
    categories: dict[str, int] = field(default_factory=dict)  # number of clips, or of audible segments, by category
    # share of annotated frames that have a mark, for each second of a clip
    by_second: list[float] = field(default_factory=list)

    def as_json(self) -> dict[str, object]:
        """Return the summary for `json.dump`."""
        return {
            "clips": self.clips,
            "frames": self.frames,
            "annotated": self.annotated,
            "silent_share": self.silent,
            "mask_size": quantiles(self.mask_sizes),
            "seconds": quantiles(self.seconds),
            "segment_seconds": quantiles(self.segments),
            "marked_by_second": self.by_second,
            "categories": dict(sorted(self.categories.items())),
        }


@dataclass
class Statistics:
    """Statistics of a set."""

    setting: str
    splits: dict[str, SplitStatistics]  # by name, without the empty ones

    def as_json(self) -> dict[str, object]:
        """Return the summaries of all splits for `json.dump`."""
        return {"setting": self.setting, "splits": {name: split.as_json() for name, split in self.splits.items()}}


def clip_statistics(setting: str, records: Iterable[ClipRecord], names: tuple[str, ...] = ()) -> Statistics:
    """Sum up the records of all clips; with class names (AVSS) categories are counted by the masks that show them."""
    groups = group_by_split(records, lambda record: record.entry.split)
    return Statistics(setting, {split: _split_statistics(group, names) for split, group in groups.items()})


def group_by_split(records: Iterable[Record], split_of: Callable[[Record], str]) -> dict[str, list[Record]]:
    """Group records by split, in the order of `SPLITS` and without empty splits."""
    groups: dict[str, list[Record]] = {}
    for record in sorted(records, key=lambda record: SPLITS.index(split_of(record))):
        groups.setdefault(split_of(record), []).append(record)
    return groups


def _split_statistics(records: list[ClipRecord], names: tuple[str, ...]) -> SplitStatistics:
    split = SplitStatistics(clips=len(records))
    categories: Counter[str] = Counter()
    annotated: Counter[int] = Counter()  # second -> annotated frames
    marked: Counter[int] = Counter()  # second -> frames with a mark
    for record in records:
        split.frames += record.frames
        if record.sound.seconds is not None:
            split.seconds.append(record.sound.seconds)
        for second, share in enumerate(record.marked):
            if share is None:
                continue
            annotated[second] += 1
            if share > 0:
                marked[second] += 1
                split.mask_sizes.append(share)
        if names:
            class_ids = set().union(*record.classes)  # of all seconds: a clip counts once per class
            categories.update(map(names.__getitem__, class_ids))
        elif record.entry.category:
            categories[record.entry.category] += 1
    split.annotated = annotated.total()
    split.silent = (split.annotated - marked.total()) / max(split.annotated, 1)
    split.by_second = [marked[second] / annotated[second] for second in sorted(annotated)]
    split.categories = dict(categories)
    return split


def quantiles(values: list[float]) -> Quantiles:
    """Return mean, 10th, 50th and 90th percentile; {} for an empty list."""
    if not values:
        return {}
    p10, median, p90 = np.percentile(values, (10, 50, 90)).tolist()
    return {"mean": float(np.mean(values)), "p10": p10, "median": median, "p90": p90}
