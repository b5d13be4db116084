"""Prefetch the frames that are likely to be requested next, in a thread that ends when it is idle."""

import threading
from collections.abc import Callable
from contextlib import suppress

AHEAD = 16  # frames after a step in a known direction
AROUND = 2  # frames on both sides after a jump
_MAX_STEP = 32  # a larger step is a jump
_GROUP = 8  # steps
_IDLE = 2.0  # seconds


class Prefetch:
    """Predicts the next frames from the last two requests: the same step again, or the neighbours after a jump."""

    def __init__(self, frames: int) -> None:
        self.frames = frames
        self.last = -1
        self.plan: list[int] = []
        self.load: Callable[[int], object] = lambda number: None
        self.condition = threading.Condition()
        self.thread: threading.Thread | None = None
        self.closed = False

    def request(self, number: int, load: Callable[[int], object]) -> None:
        """Record the request of a frame and the function that loads one; replaces the previous plan."""
        with self.condition:
            if self.closed or number == self.last:
                return
            self.plan = self.predict(number)
            self.last = number
            self.load = load
            if self.thread is None:
                self.thread = threading.Thread(target=self._run, name="prefetch", daemon=True)
                self.thread.start()
            self.condition.notify()

    def predict(self, number: int) -> list[int]:
        """Return the frames that are likely next, the most likely first.

        Backwards they come in groups, each in time order, since a decoder passes through a group once. The groups do
        not move with the frame, so that a group that was begun is finished.
        """
        step = number - self.last
        if self.last >= 0 and 0 < abs(step) <= _MAX_STEP:
            likely = [number + count * step for count in range(1, AHEAD + 1)]
            if step < 0:
                likely.sort(key=lambda following: (following // (_GROUP * step), following))
        else:
            likely = []
            for distance in range(1, AROUND + 1):
                likely += [number + distance, number - distance]
        return [following for following in likely if 0 <= following < self.frames]

    def close(self) -> None:
        """Stop, after the frame that is being loaded."""
        with self.condition:
            self.closed = True
            self.plan = []
            thread = self.thread
            self.condition.notify()
        if thread is not None and thread is not threading.current_thread():
            thread.join()
        self.closed = False
        self.last = -1

    def _run(self) -> None:
        while True:
            with self.condition:
                if not self.plan and not self.closed:
                    self.condition.wait(_IDLE)
                if not self.plan:
                    self.thread = None
                    return
                number = self.plan.pop(0)
                load = self.load
            with suppress(Exception):  # the request of this frame will report the error
                load(number)
