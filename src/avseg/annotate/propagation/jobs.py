"""Job queue with one thread for the models of a video: the most urgent job first; long jobs yield between frames."""

import heapq
import itertools
import threading
from collections.abc import Callable
from concurrent.futures import Future
from enum import IntEnum
from typing import Any, TypeVar

from avseg.utils.errors import UserError

T = TypeVar("T")


class Priority(IntEnum):
    """Urgency of a job, the most urgent first: a user waits for the answer to a click."""

    CLICK = 0
    REFINE = 1
    PROPAGATE = 2
    AHEAD = 3


_Job = tuple[int, int, Callable[[], Any], "Future[Any]"]  # priority, order of arrival, function, its result


class JobQueue:
    """Runs one job at a time in a thread of its own, which starts with the first job."""

    def __init__(self) -> None:
        self._waiting: list[_Job] = []
        self._order = itertools.count()
        self._condition = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closed = False

    def start(self, priority: Priority, function: Callable[[], T]) -> "Future[T]":
        """Add a job to the queue; refuse it after `close`."""
        future: Future[T] = Future()
        with self._condition:
            if self._closed:
                raise UserError("the video is closed; open it again")
            heapq.heappush(self._waiting, (priority, next(self._order), function, future))
            if self._thread is None:  # videos that are only looked at need no thread
                self._thread = threading.Thread(target=self._run_jobs, name="annotate", daemon=True)
                self._thread.start()
            self._condition.notify()
        return future

    def run(self, priority: Priority, function: Callable[[], T]) -> T:
        """Run a job and wait for its result; a call from inside another job runs it at once."""
        if threading.current_thread() is self._thread:  # waiting for itself would never end
            return function()
        return self.start(priority, function).result()

    def yield_to_urgent(self, priority: Priority) -> None:
        """Run all waiting jobs that are more urgent; called from inside a job of this priority."""
        while (job := self._pop(priority)) is not None:
            _run(job)

    def close(self) -> None:
        """Cancel waiting jobs, and wait for the running one."""
        with self._condition:
            self._closed = True
            for *_, future in self._waiting:
                future.cancel()
            self._waiting.clear()
            self._condition.notify()
        if self._thread is not None and threading.current_thread() is not self._thread:
            self._thread.join()

    def _run_jobs(self) -> None:
        while True:
            with self._condition:
                self._condition.wait_for(lambda: self._waiting or self._closed)
                if self._closed:
                    return
            job = self._pop(None)
            if job is not None:
                _run(job)

    def _pop(self, above: Priority | None) -> _Job | None:
        """Remove and return the most urgent job; None if there is none above the given priority."""
        with self._condition:
            if not self._waiting or (above is not None and self._waiting[0][0] >= above):
                return None
            return heapq.heappop(self._waiting)


def _run(job: _Job) -> None:
    _, _, function, future = job
    if not future.set_running_or_notify_cancel():
        return
    try:
        future.set_result(function())
    except BaseException as error:
        future.set_exception(error)
