"""Adapters of AAVS: two small layers next to linear layers of Mask2Former (Stepping-Stones, section on adapters)."""

from typing import Any

import torch
from torch import Tensor, nn

from avseg.models.aavs.deformable import DeformableAttention

REDUCTION = 4  # of the width inside an adapter


class AdaptedLinear(nn.Module):
    """A linear layer `dense` followed by an adapter A: Linear d to d / 4, ReLU, Linear d / 4 to d.

    `form` is "residual" for x + A(x) with x = dense(input) (Swin), "after" for A(dense(input)) (attention, AVSS), or
    "instead" for A(input) (attention, S4 and MS3), where `dense` stays in the weights file without being used.
    """

    def __init__(self, dense: nn.Linear, form: str) -> None:
        super().__init__()
        width = dense.out_features
        self.dense = dense
        self.form = form
        self.adapter = nn.Sequential(
            nn.Linear(width, width // REDUCTION), nn.ReLU(), nn.Linear(width // REDUCTION, width)
        )
        self.reset_adapter()
        if form == "instead":
            dense.requires_grad_(False)

    def reset_adapter(self, generator: torch.Generator | None = None) -> None:
        """Draw the adapter's weights by the rule of `transformers`: N(0, 0.02), biases 0."""
        for layer in (self.adapter[0], self.adapter[2]):
            nn.init.normal_(layer.weight, std=0.02, generator=generator)  # type: ignore[arg-type]
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]

    def zero_adapter(self) -> None:
        """Set the adapter's weights to zero: a residual adapter then changes nothing."""
        for parameter in self.adapter.parameters():
            nn.init.zeros_(parameter)

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., in) to (..., d)."""
        if self.form != "instead":
            x = self.dense(x)
        adapted: Tensor = self.adapter(x)
        return x + adapted if self.form == "residual" else adapted


def insert_adapters(network: Any, *, semantic: bool) -> None:
    """Put adapters into a `Mask2FormerForUniversalSegmentation` with a Swin backbone, in the binary or the AVSS form.

    Two in every Swin block, one in every deformable attention, which is replaced by a faster form of it, and in every
    self-attention of the decoder.
    """
    form = "after" if semantic else "instead"
    pixels = network.model.pixel_level_module
    for stage in pixels.encoder.swin.encoder.layers:
        for block in stage.blocks:
            block.attention.o_proj = AdaptedLinear(block.attention.o_proj, "residual")
            block.mlp.fc2 = AdaptedLinear(block.mlp.fc2, "residual")
    for layer in pixels.decoder.encoder.layers:
        layer.self_attn = DeformableAttention(layer.self_attn)
        layer.self_attn.output_proj = AdaptedLinear(layer.self_attn.output_proj, form)
    for layer in network.model.transformer_module.decoder.layers:
        layer.self_attn.out_proj = AdaptedLinear(layer.self_attn.out_proj, form)


def swin_adapters(network: nn.Module) -> list[AdaptedLinear]:
    """List the adapters of the Swin backbone."""
    adapters: list[AdaptedLinear] = []
    for module in network.modules():
        if isinstance(module, AdaptedLinear) and module.form == "residual":
            adapters.append(module)
    return adapters
