"""Weights of an official file that a network does not use: kept, so that an export gives the same file again."""

from typing import Any

from torch import Tensor, nn


class UnusedWeights(nn.Module):
    """Tensors by official name. They travel in the state dict, but not to a device, and are never trained."""

    def __init__(self) -> None:
        super().__init__()
        self.weights: dict[str, Tensor] = {}

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        for name, tensor in self.weights.items():
            destination[prefix + name] = tensor

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *arguments: Any) -> None:
        self.weights = {}
        for name, tensor in state_dict.items():
            if name.startswith(prefix):
                self.weights[name.removeprefix(prefix)] = tensor.detach().cpu()
