"""The mask branch: MaskFormer with Swin-base, initialised from COCO (LU-AVS, supplementary text)."""

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from avseg.models.lu_avs.coco import load_coco
from avseg.models.lu_avs.initialise import initialise
from avseg.models.lu_avs.presets import MASK_CONFIGS, chosen
from avseg.models.lu_avs.queries import QueryOutput
from avseg.models.lu_avs.recipe import Recipe

COCO_WEIGHTS = {"swin_base": "facebook/maskformer-swin-base-coco"}


class MaskBranch(nn.Module):
    """Finds the objects of a frame that could sound: for each query a class and a mask.

    The network is `MaskFormerForInstanceSegmentation` of `transformers`; its loss is
    `avseg.models.lu_avs.mask_loss.MaskQueryLoss`.

    Args:
        num_classes: K.
        config: "swin_base" (the paper's; 102 M parameters), "toy" (0.4 M, for toy videos) or "tiny" (for tests).
        pretrained: False; True for the COCO weights; or a folder or hub name (see `load_coco`).

    Raises:
        UserError: an unknown config, or weights that cannot be had.
    """

    recipe: ClassVar = Recipe(
        epochs=5,
        lr=6e-5,
        backbone_lr=6e-5,
        weight_decay=0.01,
        decay_norms=False,
        gradient_clip=0.01,
        backbone="net.model.pixel_level_module.encoder.",
    )
    net: Any

    def __init__(self, num_classes: int, config: str = "swin_base", pretrained: bool | str = False) -> None:
        super().__init__()
        from transformers import MaskFormerForInstanceSegmentation

        settings = chosen("mask branch", MASK_CONFIGS, config, num_classes)
        self.net = load_coco(MaskFormerForInstanceSegmentation, settings, pretrained, COCO_WEIGHTS.get(config))
        if pretrained is False:
            parts = self.net.model.transformer_module
            initialise(parts.decoder, parts.queries_embedder, self.net.class_predictor, self.net.mask_embedder)
        # the loss is ours; theirs would put its class weights into every checkpoint
        del self.net.criterion, self.net.matcher
        for name, parameter in self.net.named_parameters():
            if ".encoder.model.layernorm." in name:  # Swin's last norm is never used: no gradient stops DDP
                parameter.requires_grad_(False)

    def forward(self, frames: Tensor) -> QueryOutput:
        """Queries for frames (B, 3, H, W) float, normalised as by `avseg.nn.normalise`, of any size.

        The auxiliary layers are computed while training only.
        """
        output = self.net.model(frames, output_hidden_states=self.training)
        pixels = output.pixel_decoder_last_hidden_state
        final = self._heads(output.transformer_decoder_last_hidden_state, pixels)
        if not self.training:
            return final
        # not `use_auxiliary_loss`: it trains on the zeros before the first layer, and leaves out the norm
        norm = self.net.model.transformer_module.decoder.layernorm
        earlier = output.transformer_decoder_hidden_states[1:-1]
        return final._replace(auxiliary=tuple(self._heads(norm(state), pixels) for state in earlier))

    def _heads(self, queries: Tensor, pixels: Tensor) -> QueryOutput:
        """Class and mask of each query; queries (B, Q, C), per-pixel embeddings (B, D, h, w)."""
        masks = torch.einsum("bqc,bchw->bqhw", self.net.mask_embedder(queries), pixels)
        return QueryOutput(self.net.class_predictor(queries), masks=masks)
