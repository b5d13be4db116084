"""One thread for the models of a video, the most urgent job first; a long one gives way between its frames."""

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
    """What comes first: whoever clicks, waits."""

    CLICK = 0
    REFINE = 1
    PROPAGATE = 2
    AHEAD = 3


_Job = tuple[int, int, Callable[[], Any], "Future[Any]"]


class Jobs:
    """Does one job at a time in a thread of its own, which begins with the first."""

    def __init__(self) -> None:
        self._waiting: list[_Job] = []
        self._order = itertools.count()
        self._wake = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closed = False

    def start(self, priority: Priority, call: Callable[[], T]) -> "Future[T]":
        """Puts a job in the queue.

        Raises:
            UserError: the queue is closed.
        """
        future: Future[T] = Future()
        with self._wake:
            if self._closed:
                raise UserError("the video is closed; open it again")
            heapq.heappush(self._waiting, (priority, next(self._order), call, future))
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="annotate", daemon=True)
                self._thread.start()
            self._wake.notify()
        return future

    def do(self, priority: Priority, call: Callable[[], T]) -> T:
        """Does a job and waits for its result; inside another job at once."""
        if threading.current_thread() is self._thread:
            return call()
        return self.start(priority, call).result()

    def give_way(self, priority: Priority) -> None:
        """Inside a job of this priority: does what is more urgent, then comes back."""
        while (job := self._next(priority)) is not None:
            _run(job)

    def close(self) -> None:
        """Drops what waits and waits for what runs."""
        with self._wake:
            self._closed = True
            for *_, future in self._waiting:
                future.cancel()
            self._waiting.clear()
            self._wake.notify()
        if self._thread is not None and threading.current_thread() is not self._thread:
            self._thread.join()

    def _work(self) -> None:
        while True:
            with self._wake:
                while not self._waiting and not self._closed:
                    self._wake.wait()
                if self._closed:
                    return
            job = self._next(None)
            if job is not None:
                _run(job)

    def _next(self, above: Priority | None) -> _Job | None:
        with self._wake:
            if not self._waiting or (above is not None and self._waiting[0][0] >= above):
                return None
            return heapq.heappop(self._waiting)


def _run(job: _Job) -> None:
    _, _, call, future = job
    if not future.set_running_or_notify_cancel():
        return
    try:
        future.set_result(call())
    except BaseException as error:
        future.set_exception(error)
