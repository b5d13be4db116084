"""A film and models that are simple enough to know what they answer."""

import threading
from pathlib import Path

import numpy as np

from avseg.annotate.protocols import Candidate, Step
from tests.annotate.document_helpers import FACTS


class FakeVideo:
    """Plain pictures."""

    def __init__(self, facts=FACTS):
        self.path = Path(facts.name)
        self.frames, self.fps, self.height, self.width = facts.frames, facts.fps, facts.height, facts.width

    def image(self, frame):
        assert 0 <= frame < self.frames
        return np.full((self.height, self.width, 3), frame, np.uint8)

    def close(self):
        pass


class Squares:
    """Marks 3 x 3 pixels around each positive point, the box, or the prior; counts what it is asked."""

    learned = True

    def __init__(self):
        self.encoded, self.priors = [], []

    def encode(self, picture):
        self.encoded.append(int(picture[0, 0, 0]))
        return picture.shape[:2]

    def predict(self, encoded, points=(), box=None, mask=None):
        found = np.zeros(encoded, np.bool_)
        self.priors.append(mask)
        if mask is not None:
            return [Candidate(mask if mask.dtype == np.bool_ else mask > 0.5, 0.9)]
        for x, y, positive in points:
            y, x = int(y), int(x)
            found[max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2] = positive
        if box is not None:
            x0, y0, x1, y1 = (int(side) for side in box)
            found[y0:y1, x0:x1] = True
        return [Candidate(found, 0.8)]


class Still:
    """Every object stays where it is.

    Attributes:
        pace: called before each frame.
    """

    def __init__(self, pace=lambda: None):
        self.pace, self.masks, self.shown = pace, {}, []

    def reset(self, objects):
        self.masks = {}

    def step(self, picture, masks=None):
        self.masks |= masks or {}
        if masks is None:
            self.pace()
            self.shown.append(int(picture[0, 0, 0]))
        return Step({name: mask.astype(np.float32) for name, mask in self.masks.items()}, None)


class Gate:
    """Lets so many through and holds the rest until it is opened."""

    def __init__(self, free):
        self.reached = threading.Event()
        self._left, self._open = free, threading.Event()

    def __call__(self):
        self._left -= 1
        if self._left < 0:
            self.reached.set()
            assert self._open.wait(60)

    def open(self):
        self._open.set()
