"""XMem (Cheng and Schwing, ECCV 2022) as propagator: our implementation with the official weights."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from avseg.annotate.protocols import Affinity, Image, Mask, Step
from avseg.nn.xmem import MemorySettings, Nearest, XMem
from avseg.nn.xmem import Propagator as Memory
from avseg.nn.xmem.weights import read_xmem
from avseg.utils.errors import UserError

SHORT_SIDE = {"cpu": 240, "cuda": 480}  # a frame at 480 takes 2 seconds on two cores


class XMemPropagator:
    """Follow objects by XMem; new ones may enter in any frame. The default sizes are those of `SHORT_SIDE`."""

    def __init__(self, network: XMem, short_side: int | None = None, settings: MemorySettings | None = None) -> None:
        if short_side is None:
            device = next(network.parameters()).device
            short_side = SHORT_SIDE.get(device.type, SHORT_SIDE["cuda"])
        if short_side < 16:
            raise UserError(f"short_side: {short_side} is less than one cell; give 16 or more")
        self._memory = Memory(network, settings, short_side)
        self._object_ids: tuple[int, ...] = ()

    def reset(self, objects: Sequence[int]) -> None:
        """See `Propagator.reset`."""
        self._memory.reset()
        self._object_ids = tuple(objects)

    def step(self, image: Image, masks: Mapping[int, Mask] | None = None) -> Step:
        """See `Propagator.step`."""
        masks = masks or {}
        for object_id in masks:
            if object_id not in self._object_ids:
                raise UserError(f"objects: {object_id} was not passed to reset; known are {list(self._object_ids)}")
        frame = torch.tensor(image).permute(2, 0, 1)  # (3, H, W)
        # ascending, so that channels do not depend on the order in which objects were marked
        masked_ids = sorted(masks)
        stacked = torch.tensor(np.stack([masks[object_id] for object_id in masked_ids])) if masks else None
        known_before = set(self._memory.objects)
        # (1 + objects, H, W), the background first
        output = self._memory.step(frame, stacked, masked_ids or None).float().cpu().numpy()
        probabilities = {}
        for channel, object_id in enumerate(self._memory.objects, 1):
            probabilities[object_id] = output[channel]
        affinity = {}
        # the memory is not read if all known objects have a mask
        if known_before - set(masked_ids):
            for object_id in known_before:
                affinity[object_id] = self._affinity(object_id)
        return Step(probabilities, affinity or None)

    def _affinity(self, object_id: int) -> Affinity:
        nearest: Nearest = self._memory.nearest(object_id)
        weight = nearest.affinity.float().cpu().numpy()  # (k, rows, columns)
        cells = torch.arange(nearest.evidence.numel()).view(nearest.evidence.shape)
        entropy = -(weight * np.log(weight + 1e-12)).sum(0) / np.log(max(len(weight), 2))
        return Affinity(
            evidence=nearest.evidence.float().cpu().numpy(),
            strongest=weight[0],
            entropy=np.asarray(entropy, np.float32),
            rival=nearest.label[0].cpu().numpy(),
            centres=self._memory.cell_centres(cells).float().cpu().numpy(),
        )


def load_xmem_propagator(
    weights: str | Path | None = None, device: str | None = None, short_side: int | None = None
) -> XMemPropagator:
    """Build XMem from the official weights, `XMem.pth`; `device` None is a GPU if there is one.

    Raises:
        UserError: no weights given, no such file, or not XMem.
    """
    if weights is None:
        raise UserError("propagator 'xmem': no weights; give weights=XMem.pth (github.com/hkchengrex/XMem, releases)")
    network = read_xmem(Path(weights).expanduser())
    return XMemPropagator(network.to(device or ("cuda" if torch.cuda.is_available() else "cpu")), short_side)
