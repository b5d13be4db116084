"""Queue of propagations behind the annotator: in order, with speed and time left; any of them can be moved or ended."""

import itertools
import threading
from collections.abc import Callable
from typing import Any

from avseg.annotate.propagation.jobs import JobQueue, Priority
from avseg.annotate.propagation.run import RUNNING, WAITING, PropagationRun
from avseg.utils.errors import UserError


class RunQueue:
    """Runs propagations one after the other in the thread of the models."""

    def __init__(self, jobs: JobQueue, execute: Callable[[PropagationRun], None]) -> None:
        self._jobs, self._execute = jobs, execute
        self._ids = itertools.count(1)
        self._lock = threading.Lock()
        self._runs: list[PropagationRun] = []  # the running one first, if there is one
        self._speed: float | None = None  # frames per second, as measured last
        self._report_lock = threading.Lock()
        self._report_numbers = itertools.count(1)

    @property
    def runs(self) -> list[PropagationRun]:
        """The running and the waiting ones, in order."""
        with self._lock:
            return list(self._runs)

    def add(self, run: PropagationRun) -> PropagationRun:
        """Append a run; return the waiting one of the same segment and options if there is one."""
        with self._lock:
            for other in self._runs:
                if other.state == WAITING and other.request == run.request:
                    return other
            run.id = next(self._ids)
            self._runs.append(run)
        self._jobs.start(Priority.PROPAGATE, self._run_next)
        return run

    def cancel(self, run_id: int | None = None) -> None:
        """End a run, or all of them; finished frames stay."""
        with self._lock:
            chosen = [run for run in self._runs if run_id is None or run.id == run_id]
            for run in chosen:
                if run.state == WAITING:
                    self._runs.remove(run)
        for run in chosen:
            if run.state == WAITING:
                run.abandon()
            run.cancel()

    def move_first(self, run_id: int) -> None:
        """Let a waiting run be the next one."""
        with self._lock:
            for run in self._runs:
                if run.id == run_id and run.state == WAITING:
                    self._runs.remove(run)
                    self._runs.insert(sum(other.state == RUNNING for other in self._runs), run)
                    return
        raise UserError(f"propagate: run {run_id} is not waiting")

    def report(self) -> dict[str, Any]:
        """Describe the queue for the page: its rows, and a number, which is larger in a later report.

        Reports reach the page in answers and in events, in any order.
        """
        with self._report_lock:
            return {"runs": self._rows(), "report": next(self._report_numbers)}

    def _rows(self) -> list[dict[str, Any]]:
        """List the running and the waiting runs, with the seconds until each ends."""
        rows: list[dict[str, Any]] = []
        left = 0.0
        for run in self.runs:
            if run.state not in (WAITING, RUNNING):  # it has just ended
                continue
            speed = run.speed or self._speed
            left += run.total * (1 - run.fraction) / speed if speed else 0.0
            rows.append(
                {
                    "id": run.id,
                    "segment": run.segment.id,
                    "object": run.segment.object_id,
                    "start": run.segment.start,
                    "end": run.segment.end,
                    "state": run.state,
                    "done": run.done,
                    "total": run.total,
                    "share": run.fraction,
                    "speed": run.speed,
                    "left": left if speed else None,
                }
            )
        return rows

    def _run_next(self) -> None:
        """Run the first waiting one; there is one job for each run that was added."""
        with self._lock:
            run = next((run for run in self._runs if run.state == WAITING), None)
        if run is None:  # it was cancelled
            return
        try:
            self._execute(run)
        finally:
            self._speed = run.speed or self._speed
            with self._lock:
                if run in self._runs:
                    self._runs.remove(run)
            run.end()
