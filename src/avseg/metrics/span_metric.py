"""The table of spans that a metric of long videos keeps, exchanges between processes, and puts in order."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities import dim_zero_cat

from avseg.metrics.spans import COLUMNS, VIDEO, Rows, decode_names, encode_names, join

# updates that may wait until their rows are joined to the table
_PENDING = 1024


class SpanMetric(Metric):
    """A metric over the spans of videos; a subclass makes the rows and turns them into scores.

    Args:
        settings: numbers for all that changes the rows. Metrics with the same settings share one table in a
            `MetricCollection`.
        kwargs: see `torchmetrics.Metric`.
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
        self._begin()

    def reset(self) -> None:
        """Forgets all videos."""
        super().reset()
        self._begin()

    def _begin(self) -> None:
        # a process without data must bring tables of the right width and type to the gathering
        self._keep(np.empty((0, COLUMNS), np.int64), np.empty((0, 4), np.int64), [])

    def _keep(self, rows: Rows, segments: Rows, videos: Sequence[str]) -> None:
        """Adds rows (n, COLUMNS), segments (k, 4) of video, class, start and end, and the videos' ids."""
        for state, table in self._states(rows, segments, videos).items():
            getattr(self, state).append(table)
        # the longer the table, the rarer it is put in order
        if len(self.rows) > _PENDING + len(self.rows[0]):
            rows, segments, names = self._tables()
            for state, table in self._states(rows, segments, list(names.values())).items():
                setattr(self, state, [table])

    def _states(self, rows: Rows, segments: Rows, videos: Sequence[str]) -> dict[str, Tensor]:
        tables = {"rows": torch.from_numpy(rows), "segments": torch.from_numpy(segments), "names": encode_names(videos)}
        return {state: table.to(self.device) for state, table in tables.items()}

    def _tables(self) -> tuple[Rows, Rows, dict[int, str]]:
        """All rows, joined and in order, all segments, each once and in order, and the ids of the videos."""
        rows, segments, names = (dim_zero_cat(state).cpu() for state in (self.rows, self.segments, self.names))
        videos = decode_names(names)
        return join(rows.numpy(), videos), np.unique(segments.numpy(), axis=0), videos

    def _by_video(self) -> list[tuple[str, Rows, Rows]]:
        """The id, the rows and the segments of every video."""
        rows, segments, names = self._tables()
        parts = np.split(rows, np.flatnonzero(np.diff(rows[:, VIDEO])) + 1) if len(rows) else []
        return [(names[key := int(part[0, VIDEO])], part, segments[segments[:, VIDEO] == key]) for part in parts]
