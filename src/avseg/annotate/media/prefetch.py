"""Makes in the meantime what will be asked for next, in one thread that ends when there is nothing to do."""

import threading
from collections.abc import Callable
from contextlib import suppress

AHEAD = 16  # frames, where the direction is known
BESIDE = 2  # on both sides after a jump
_STRIDE = 32  # a larger step is a jump
_GROUP = 8  # steps
_IDLE = 2.0  # seconds


class Prefetch:
    """Guesses the next frames from the last two asked for: the same step again, or the neighbours after a jump.

    Args:
        frames: how many there are.
    """

    def __init__(self, frames: int) -> None:
        self.frames = frames
        self.last = -1
        self.plan: list[int] = []
        self.make: Callable[[int], object] = lambda number: None
        self.wake = threading.Condition()
        self.thread: threading.Thread | None = None
        self.closed = False

    def ask(self, number: int, make: Callable[[int], object]) -> None:
        """Says which frame was asked for, and how one is made; replaces what was planned before."""
        with self.wake:
            if self.closed or number == self.last:
                return
            self.plan, self.last, self.make = self.following(number), number, make
            if self.thread is None:
                self.thread = threading.Thread(target=self._work, name="prefetch", daemon=True)
                self.thread.start()
            self.wake.notify()

    def following(self, number: int) -> list[int]:
        """The frames that are likely next, the likeliest first.

        Backwards they come in groups, each in the order of time: a decoder goes through a group once. The groups do not
        move with the frame, so that one that was begun is finished.
        """
        step = number - self.last
        if self.last >= 0 and 0 < abs(step) <= _STRIDE:
            likely = [number + place * step for place in range(1, AHEAD + 1)]
            if step < 0:
                likely.sort(key=lambda following: (following // (_GROUP * step), following))
        else:
            likely = [number + sign * place for place in range(1, BESIDE + 1) for sign in (1, -1)]
        return [number for number in likely if 0 <= number < self.frames]

    def close(self) -> None:
        """Stops; waits for the frame in hand."""
        with self.wake:
            self.closed, self.plan, thread = True, [], self.thread
            self.wake.notify()
        if thread is not None and thread is not threading.current_thread():
            thread.join()
        self.closed, self.last = False, -1

    def _work(self) -> None:
        while True:
            with self.wake:
                if not self.plan and not self.closed:
                    self.wake.wait(_IDLE)
                if not self.plan:
                    self.thread = None
                    return
                number, make = self.plan.pop(0), self.make
            with suppress(Exception):  # the one who asks for the frame is told
                make(number)
