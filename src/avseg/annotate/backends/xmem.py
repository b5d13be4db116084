"""XMem (ECCV 2022) as propagator: our own implementation with the official weights."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from avseg.annotate.protocols import Affinity, Mask, Picture, Step
from avseg.nn.xmem import MemorySettings, Nearest, XMem
from avseg.nn.xmem import Propagator as Memory
from avseg.nn.xmem.weights import read_xmem
from avseg.utils.errors import UserError

SHORT_SIDE = {"cpu": 240, "cuda": 480}  # a frame at 480 takes 2 seconds on two cores


class XMemPropagator:
    """Follows objects by XMem; new ones may enter on any frame.

    Args:
        network: XMem.
        short_side: pixels of the shorter side to work at; None for 240 on the CPU and 480 (the paper's) on a GPU.
        settings: how much is remembered; None for the paper's.
    """

    def __init__(self, network: XMem, short_side: int | None = None, settings: MemorySettings | None = None) -> None:
        device = next(network.parameters()).device
        side = SHORT_SIDE.get(device.type, SHORT_SIDE["cuda"]) if short_side is None else short_side
        if side < 16:
            raise UserError(f"short_side: {side} is less than one cell; give 16 or more")
        self._memory = Memory(network, settings, side)
        self._objects: tuple[int, ...] = ()

    @classmethod
    def from_file(
        cls, weights: str | Path | None = None, device: str | None = None, short_side: int | None = None
    ) -> "XMemPropagator":
        """Reads official weights.

        Args:
            weights: `XMem.pth`.
            device: None for a GPU where there is one.
            short_side: see the class.

        Raises:
            UserError: no weights named, no such file, or not XMem.
        """
        if weights is None:
            raise UserError(
                "propagator 'xmem': no weights; give weights=XMem.pth (github.com/hkchengrex/XMem, releases)"
            )
        place = device or ("cuda" if torch.cuda.is_available() else "cpu")
        return cls(read_xmem(Path(weights).expanduser()).to(place), short_side)

    def reset(self, objects: Sequence[int]) -> None:
        """See `Propagator.reset`."""
        self._memory.reset()
        self._objects = tuple(objects)

    def step(self, picture: Picture, masks: Mapping[int, Mask] | None = None) -> Step:
        """See `Propagator.step`."""
        frame = torch.tensor(picture).permute(2, 0, 1)
        for name in masks or ():
            if name not in self._objects:
                raise UserError(f"objects: {name} was not told to reset; known are {list(self._objects)}")
        # ascending, so that channels do not depend on who was marked first
        ids = sorted(masks or ())
        given = torch.tensor(np.stack([masks[name] for name in ids])) if masks else None
        known = set(self._memory.objects)
        found = self._memory.step(frame, given, ids or None).float().cpu().numpy()
        probabilities = {name: found[place] for place, name in enumerate(self._memory.objects, 1)}
        affinity = {name: self._affinity(name) for name in known if set(known) - set(ids)}
        return Step(probabilities, affinity or None)

    def _affinity(self, name: int) -> Affinity:
        nearest: Nearest = self._memory.nearest(name)
        weight = nearest.affinity.float().cpu().numpy()
        count = max(len(weight), 2)
        cells = torch.arange(nearest.evidence.numel()).view(nearest.evidence.shape)
        return Affinity(
            evidence=nearest.evidence.float().cpu().numpy(),
            strongest=weight[0],
            entropy=np.asarray(-(weight * np.log(weight + 1e-12)).sum(0) / np.log(count), np.float32),
            rival=nearest.label[0].cpu().numpy(),
            centres=self._memory.cell_centres(cells).float().cpu().numpy(),
        )
