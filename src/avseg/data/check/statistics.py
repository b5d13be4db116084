"""What a data set holds, in numbers that can be drawn."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from avseg.data.avsbench.index import SPLITS
from avseg.data.check.clips import ClipRecord


@dataclass
class SplitStatistics:
    """One split.

    Attributes:
        clips: clips, or videos.
        frames: pictures; of long videos all of their frames.
        annotated: annotated frames, or audible segments of long videos.
        silent: share of the annotated frames without a mark; of long videos the share of their time.
        mask_sizes: shares of the picture that are marked, of the annotated frames that are.
        seconds: lengths of the sounds, or of the videos.
        segments: lengths of the audible segments in seconds; () where there are none.
        categories: clips, of long videos segments, by category.
        by_second: share of the marked frames among those annotated, for each second of the clips.
    """

    clips: int = 0
    frames: int = 0
    annotated: int = 0
    silent: float = 0.0
    mask_sizes: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    segments: list[float] = field(default_factory=list)
    categories: dict[str, int] = field(default_factory=dict)
    by_second: list[float] = field(default_factory=list)


@dataclass
class Statistics:
    """A set.

    Attributes:
        setting: "s4", "ms3", "avss" or "lu_avs".
        splits: by name; those without clips are left out.
    """

    setting: str
    splits: dict[str, SplitStatistics]

    def as_json(self) -> dict[str, Any]:
        """Summaries of each split, for `json.dump`."""
        return {"setting": self.setting, "splits": {name: _summary(split) for name, split in self.splits.items()}}


def clip_statistics(setting: str, records: Iterable[ClipRecord], names: tuple[str, ...] = ()) -> Statistics:
    """Sums clips up.

    Args:
        setting: of AVSBench.
        records: of all clips.
        names: AVSS: class names; then categories are counted by the masks that show them.
    """
    splits = {split: SplitStatistics() for split in SPLITS}
    empty: Counter[str] = Counter()
    marked: dict[str, dict[int, list[bool]]] = {split: {} for split in SPLITS}
    for record in records:
        split = splits[record.entry.split]
        split.clips += 1
        split.frames += record.frames
        shares = [share for share in record.marked if share is not None]
        split.annotated += len(shares)
        split.mask_sizes += [share for share in shares if share > 0]
        empty[record.entry.split] += shares.count(0.0)
        for second, share in enumerate(record.marked):
            if share is not None:
                marked[record.entry.split].setdefault(second, []).append(share > 0)
        split.seconds += [] if record.heard.seconds is None else [record.heard.seconds]
        shown = {names[index] for classes in record.classes for index in classes} if names else {record.entry.category}
        for category in shown - {""}:
            split.categories[category] = split.categories.get(category, 0) + 1
    for name, split in splits.items():
        split.silent = empty[name] / max(split.annotated, 1)
        split.by_second = [float(np.mean(marked[name][second])) for second in sorted(marked[name])]
    return Statistics(setting, {name: split for name, split in splits.items() if split.clips})


def _summary(split: SplitStatistics) -> dict[str, Any]:
    return {
        "clips": split.clips,
        "frames": split.frames,
        "annotated": split.annotated,
        "silent_share": split.silent,
        "mask_size": quantiles(split.mask_sizes),
        "seconds": quantiles(split.seconds),
        "segment_seconds": quantiles(split.segments),
        "marked_by_second": split.by_second,
        "categories": dict(sorted(split.categories.items())),
    }


def quantiles(values: list[float]) -> dict[str, float]:
    """Mean, tenth, fiftieth and ninetieth percentile; {} of none."""
    if not values:
        return {}
    p10, median, p90 = np.percentile(values, (10, 50, 90)).tolist()
    return {"mean": float(np.mean(values)), "p10": p10, "median": median, "p90": p90}
