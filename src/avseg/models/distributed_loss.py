"""The loss of a batch that several processes share: what each of them adds, so that together they train as one does.

DistributedDataParallel averages the processes' gradients, which is right only for means over equally many things.
"""

import torch
from torch import Tensor

from avseg.data.clip import Clip


class SharedBatch:
    """How much of the batch this process has.

    Every method gives a scalar whose average over the processes is the loss of the whole batch; alone it is that loss.

    Args:
        clip: this process's part; every process must come here, since they count together. A clip without a valid
            frame only stands in for none (see `avseg.data.loader.ShuffledShare`).

    Attributes:
        clips: how many clips the processes have together.
    """

    def __init__(self, clip: Clip) -> None:
        own = torch.stack([clip.annotated.sum(), clip.valid.any(dim=1).sum()]).float()
        together, self._processes = own.clone(), 1
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            torch.distributed.all_reduce(together)
            self._processes = torch.distributed.get_world_size()
        share = self._processes * own / together.clamp(min=1)
        self._annotated: Tensor = share[0]
        self._clips: Tensor = share[1]
        self._stands_in: Tensor = own[1] == 0
        self.clips: Tensor = together[1]

    def mean_over_annotated(self, mean: Tensor) -> Tensor:
        """From the mean over this process's annotated frames."""
        return mean * self._annotated

    def mean_over_clips(self, mean: Tensor) -> Tensor:
        """From the mean over this process's clips or all their frames."""
        return mean * self._clips

    def sum_over_clips(self, total: Tensor) -> Tensor:
        """From the sum over this process's clips."""
        return total * self._processes * ~self._stands_in
