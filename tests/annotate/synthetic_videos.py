"""Toy films with truth, in memory."""

import functools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from avseg.annotate.protocols import Image, Mask
from avseg.data.lu_avs.synthetic.renderer import SyntheticVideoConfig, generate_video
from avseg.data.synthetic.toy import ToyCast


@dataclass(frozen=True)
class ToyFilm:
    """Pictures (T, H, W, 3), and what is visible of each object (T, N, H, W); objects are numbered from 1."""

    pictures: npt.NDArray[np.uint8]
    visible: npt.NDArray[np.bool_]

    def image(self, frame: int) -> Image:
        return self.pictures[frame]

    def truth(self, object_id: int, frame: int) -> Mask:
        return self.visible[frame, object_id - 1]


@functools.cache
def toy_film(index: int, size: int = 64, seconds: float = 5.0, seed: int = 3) -> ToyFilm:
    recipe = SyntheticVideoConfig(cast=ToyCast(), size=size, seconds=(seconds, seconds + 0.01), seed=seed)
    parts = [(pictures, visible) for _, pictures, visible in generate_video(recipe, "train", index).render()]
    return ToyFilm(np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts]))
