"""Cast of toy clips: the coloured shapes that appear together."""

import numpy as np
from numpy.typing import NDArray

from avseg.data.synthetic.generate import Actor
from avseg.data.synthetic.toy.classes import ToyClass, draw_sprite, look_alikes, make_classes
from avseg.data.synthetic.toy.sounds import synthesise


class ToyCast:
    """Draw actors of different classes out of 6 to 12; look-alikes meet with the probability `look_alike_share`."""

    prefix = "toy"

    def __init__(self, num_classes: int = 8, look_alike_share: float = 0.5) -> None:
        self.classes = make_classes(num_classes)
        self.look_alike_share = look_alike_share

    @property
    def categories(self) -> list[str]:
        """Names of the classes."""
        return [toy_class.name for toy_class in self.classes]

    def draw(self, rng: np.random.Generator, count: int, split: str) -> list[Actor]:
        """Draw `count` actors of different classes in random order; all splits share all classes."""
        drawn: list[ToyClass] = []
        while len(drawn) < count:
            drawn.append(self._draw_class(drawn, rng))
        return [self._actor(drawn[i], rng) for i in rng.permutation(count)]

    def _draw_class(self, drawn: list[ToyClass], rng: np.random.Generator) -> ToyClass:
        pool = []
        alike = []
        for candidate in self.classes:
            if candidate in drawn:
                continue
            pool.append(candidate)
            if any(candidate in look_alikes(toy_class, self.classes) for toy_class in drawn):
                alike.append(candidate)
        if alike and rng.uniform() < self.look_alike_share:
            pool = alike
        return pool[int(rng.integers(len(pool)))]

    def _actor(self, toy_class: ToyClass, rng: np.random.Generator) -> Actor:
        def voice(sound_rng: np.random.Generator, samples: int) -> NDArray[np.float32]:
            return synthesise(toy_class.index, len(self.classes), samples, sound_rng)

        return Actor(category=toy_class.name, source=toy_class.name, sprite=draw_sprite(toy_class, rng), voice=voice)
