"""Loss terms of a batch that several processes share, scaled so that together they train as one process does.

DistributedDataParallel averages the gradients of the processes, which is right only for means over equal counts.
"""

import torch
from torch import Tensor

from avseg.data.clip import Clip
from avseg.utils.distributed import all_reduce_sum, get_world_size


class SharedBatch:
    """This process's share of a batch; every process must construct it, since they count together.

    A clip without a valid frame is a placeholder for none (see `avseg.data.loader.ShuffledShare`). `clips` is the
    number of clips of all processes.
    """

    def __init__(self, clip: Clip) -> None:
        counts = torch.stack([clip.annotated.sum(), clip.valid.any(dim=1).sum()]).float()
        totals = all_reduce_sum(counts)
        self._processes = get_world_size()
        shares = self._processes * counts / totals.clamp(min=1)
        self._placeholder: Tensor = counts[1] == 0
        self._factors = {"annotated": shares[0], "clips": shares[1]}
        self.clips: Tensor = totals[1]

    def scale(self, value: Tensor, over: str) -> Tensor:
        """Scale a term so that its average over the processes is that of the whole batch; `over` as in `LossTerm`."""
        factor = self._processes * ~self._placeholder if over == "sum" else self._factors[over]
        scaled = value * factor
        # the mean over no frame is NaN
        return torch.where(factor > 0, scaled, torch.zeros_like(scaled))
