"""The toy's actors: which kinds appear together in a clip."""

import numpy as np
from numpy.typing import NDArray

from avseg.data.synthetic.generate import Actor
from avseg.data.synthetic.toy.kinds import Kind, draw_sprite, look_alikes, make_kinds
from avseg.data.synthetic.toy.sounds import synthesise


class ToyCast:
    """Draws actors of different kinds; look-alikes often meet.

    Args:
        kinds: number of kinds, 6 to 12.
        look_alike_share: probability that the next actor looks like one that is there already.

    Raises:
        UserError: number of kinds out of range.
    """

    prefix = "toy"

    def __init__(self, kinds: int = 8, look_alike_share: float = 0.5) -> None:
        self.kinds = make_kinds(kinds)
        self.look_alike_share = look_alike_share

    @property
    def categories(self) -> list[str]:
        """Names of the kinds."""
        return [kind.name for kind in self.kinds]

    def draw(self, rng: np.random.Generator, count: int, split: str) -> list[Actor]:
        """Actors of different kinds, in no telling order; every split has all kinds."""
        chosen: list[Kind] = []
        while len(chosen) < count:
            pool = [kind for kind in self.kinds if kind not in chosen]
            alike = [kind for kind in pool if any(kind in look_alikes(other, self.kinds) for other in chosen)]
            chosen.append(_pick(alike if alike and rng.uniform() < self.look_alike_share else pool, rng))
        return [self._actor(chosen[i], rng) for i in rng.permutation(count)]

    def _actor(self, kind: Kind, rng: np.random.Generator) -> Actor:
        def voice(sound_rng: np.random.Generator, samples: int) -> NDArray[np.float32]:
            return synthesise(kind.index, len(self.kinds), samples, sound_rng)

        return Actor(category=kind.name, source=kind.name, sprite=draw_sprite(kind, rng), voice=voice)


def _pick(kinds: list[Kind], rng: np.random.Generator) -> Kind:
    return kinds[int(rng.integers(len(kinds)))]
