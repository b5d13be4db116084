"""The table of spans that a metric of long videos keeps, gathers over processes, and sorts."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities import dim_zero_cat

from avseg.metrics.spans import COLUMNS, VIDEO, Rows, decode_names, encode_names, join

# number of updates whose rows may wait before they are joined to the table
_PENDING = 1024


class SpanMetric(Metric):
    """A metric over the spans of videos; a subclass creates the rows and turns them into scores.

    `settings` are all options that change the rows, as numbers: metrics with the same share a table in a collection.
    """

    is_differentiable = False
    higher_is_better = True
    full_state_update = False

    settings: Tensor
    rows: list[Tensor]
    segments: list[Tensor]
    names: list[Tensor]

    def __init__(self, settings: Sequence[float], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.add_state("settings", default=torch.tensor(settings, dtype=torch.float32), dist_reduce_fx="max")
        for table in ("rows", "segments", "names"):
            self.add_state(table, default=[], dist_reduce_fx="cat")
        self._start_tables()

    def reset(self) -> None:
        """Remove all videos."""
        super().reset()
        self._start_tables()

    def _start_tables(self) -> None:
        # ranks without data must contribute empty tables of the right width and type to all_gather
        self._keep(np.empty((0, COLUMNS), np.int64), np.empty((0, 4), np.int64), [])

    def _keep(self, rows: Rows, segments: Rows, videos: Sequence[str]) -> None:
        """Append rows (n, COLUMNS), segments (k, 4) of video, class, start and end, and the videos' ids."""
        for state, table in self._states(rows, segments, videos).items():
            getattr(self, state).append(table)
        # the longer the table, the more seldom it is sorted
        if len(self.rows) > _PENDING + len(self.rows[0]):
            rows, segments, names = self._tables()
            for state, table in self._states(rows, segments, list(names.values())).items():
                setattr(self, state, [table])

    def _states(self, rows: Rows, segments: Rows, videos: Sequence[str]) -> dict[str, Tensor]:
        return {
            "rows": torch.from_numpy(rows).to(self.device),
            "segments": torch.from_numpy(segments).to(self.device),
            "names": encode_names(videos).to(self.device),
        }

    def _tables(self) -> tuple[Rows, Rows, dict[int, str]]:
        """Return all rows, joined and sorted, all segments, sorted and each once, and the ids of the videos."""
        # after a sync the tables of all ranks are concatenated
        videos = decode_names(dim_zero_cat(self.names))
        rows = join(dim_zero_cat(self.rows).cpu().numpy(), videos)
        segments = np.unique(dim_zero_cat(self.segments).cpu().numpy(), axis=0)
        return rows, segments, videos

    def _by_video(self) -> list[tuple[str, Rows, Rows]]:
        """Return the id, the rows and the segments of every video."""
        rows, segments, names = self._tables()
        videos: list[tuple[str, Rows, Rows]] = []
        if len(rows):
            # rows are sorted by video: split where the video changes
            for video_rows in np.split(rows, np.flatnonzero(np.diff(rows[:, VIDEO])) + 1):
                key = int(video_rows[0, VIDEO])
                videos.append((names[key], video_rows, segments[segments[:, VIDEO] == key]))
        return videos
