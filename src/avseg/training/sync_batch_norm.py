"""Normalise over the whole batch when processes share it: `trainer.sync_batchnorm`, for timm's norms and the CPU too.

Lightning's own plugin loses the activation and dropout inside timm's `BatchNormAct2d` (torch's conversion knows plain
batch norms only), and torch's synchronised batch norm runs on GPUs alone.
"""

import torch
from pytorch_lightning.plugins import LayerSync
from torch import Tensor, nn
from torch.distributed.nn.functional import all_reduce
from torch.nn.modules.batchnorm import _BatchNorm


class SharedBatchNorm(_BatchNorm):
    """A batch norm of the clips of all processes; made by `SyncNorm` out of a norm whose state it keeps."""

    def forward(self, x: Tensor) -> Tensor:
        """Normalise (N, C, ...), in training by the statistics of the whole batch."""
        y: Tensor = self._normalised(x) if self.training else super().forward(x)
        for name in ("drop", "act"):  # of timm's BatchNormAct2d
            if name in self._modules:
                y = getattr(self, name)(y)
        return y

    def _check_input_dim(self, x: Tensor) -> None:
        """Accept any number of pixel axes."""

    def _normalised(self, x: Tensor) -> Tensor:
        """Compute the mean first and the squares about it second: their difference would lose digits."""
        pixels = [0, *range(2, x.ndim)]  # all axes but the channels
        shape = [1, -1, *[1] * (x.ndim - 2)]  # (1, C, 1, ...)
        wide = x.to(torch.promote_types(x.dtype, torch.float32))
        count = wide.new_tensor(x.numel() / x.shape[1])
        torch.distributed.all_reduce(count)
        mean = _sum(wide.sum(pixels)) / count
        centred = wide - mean.view(shape)
        variance = _sum(centred.square().sum(pixels)) / count
        if self.track_running_stats:
            self._track(mean.detach(), variance.detach() * count / (count - 1).clamp(min=1))
        y = centred * (variance + self.eps).rsqrt().view(shape)
        scaled: Tensor = y * self.weight.view(shape) + self.bias.view(shape) if self.affine else y
        return scaled.to(x.dtype)

    def _track(self, mean: Tensor, variance: Tensor) -> None:
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        self.num_batches_tracked.add_(1)
        weight = 1 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean, weight)
        self.running_var.lerp_(variance, weight)


def _sum(local: Tensor) -> Tensor:
    """Sum over the processes; the gradient is summed too."""
    return all_reduce(local)  # type: ignore[no-untyped-call,no-any-return]


class SyncNorm(LayerSync):
    """Makes every batch norm of a model one over all processes, in place and for the time of training.

    The modules stay the same objects, so their weights, their buffers and their names in a state dict do too. On GPUs
    they become timm's `SyncBatchNormAct`, which is torch's norm with the activation kept, elsewhere `SharedBatchNorm`.
    """

    def __init__(self) -> None:
        self._alone: dict[nn.Module, type[nn.Module]] = {}

    def apply(self, model: nn.Module) -> nn.Module:
        """Convert the norms; called by Lightning before training in several processes."""
        from timm.layers import SyncBatchNormAct  # imports every model of timm, for one process without need

        fast = torch.distributed.get_backend() == "nccl"
        for module in model.modules():
            if isinstance(module, _BatchNorm) and not isinstance(module, nn.SyncBatchNorm | SharedBatchNorm):
                self._alone[module] = type(module)
                module.__class__ = SyncBatchNormAct if fast else SharedBatchNorm
                setattr(module, "process_group", None)  # noqa: B010  # all processes; not a parameter of its first class
        return model

    def revert(self, model: nn.Module) -> nn.Module:
        """Restore the class of every norm; called by Lightning after training."""
        for module, cls in self._alone.items():
            module.__class__ = cls
        self._alone.clear()
        return model
