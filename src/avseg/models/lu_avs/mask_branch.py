"""The mask branch: MaskFormer with Swin-base, initialised from COCO (LU-AVS, supplementary text)."""

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from avseg.models.lu_avs.presets import MASK_CONFIGS, build_config
from avseg.models.lu_avs.queries import QueryOutput
from avseg.models.lu_avs.weights import UNUSED, initialise, load_coco

COCO_WEIGHTS = {"swin_base": "facebook/maskformer-swin-base-coco"}


class MaskBranch(nn.Module):
    """Segments the objects of a frame that could sound: a class and a mask for each query.

    The network is `MaskFormerForInstanceSegmentation` of `transformers`; its loss is
    `avseg.models.lu_avs.mask_loss.MaskQueryLoss`.

    The config is one of presets.yaml: "swin_base" (the paper's; 102 M parameters), "toy" (0.4 M) or "tiny".
    """

    backbone_prefix: ClassVar[str] = "net.model.pixel_level_module.encoder."
    decays_norms: ClassVar[bool] = False  # as in MaskFormer
    net: Any  # MaskFormerForInstanceSegmentation

    def __init__(self, num_classes: int, config: str = "swin_base", pretrained: bool | str = False) -> None:
        super().__init__()
        from transformers import MaskFormerForInstanceSegmentation

        net_config = build_config("mask branch", MASK_CONFIGS, config, num_classes)
        self.net = load_coco(MaskFormerForInstanceSegmentation, net_config, pretrained, COCO_WEIGHTS.get(config))
        if pretrained is False:
            transformer = self.net.model.transformer_module
            heads = (self.net.class_predictor, self.net.mask_embedder)
            initialise(transformer.decoder, transformer.queries_embedder, *heads)
        # the loss of transformers would add its class weights to every checkpoint
        del self.net.criterion, self.net.matcher
        for name, parameter in self.net.named_parameters():
            if UNUSED in name:  # DDP stops at a parameter without gradient
                parameter.requires_grad_(False)

    def forward(self, frames: Tensor) -> QueryOutput:
        """Compute the queries of frames (B, 3, H, W) float of any size, normalised as by `avseg.nn.normalise`.

        Auxiliary layers are computed in training only.
        """
        output = self.net.model(frames, output_hidden_states=self.training)
        pixels = output.pixel_decoder_last_hidden_state  # (B, D, h, w)
        final = self._apply_heads(output.transformer_decoder_last_hidden_state, pixels)
        if not self.training:
            return final
        # not `use_auxiliary_loss`: it trains on the zeros before the first layer, and omits the norm
        norm = self.net.model.transformer_module.decoder.layernorm
        auxiliary: list[QueryOutput] = []
        for state in output.transformer_decoder_hidden_states[1:-1]:  # without the input and the last layer
            auxiliary.append(self._apply_heads(norm(state), pixels))
        return final._replace(auxiliary=tuple(auxiliary))

    def _apply_heads(self, queries: Tensor, pixels: Tensor) -> QueryOutput:
        """Compute class and mask of each query (B, Q, C), given the pixel embeddings (B, D, h, w)."""
        embeddings = self.net.mask_embedder(queries)  # (B, Q, D)
        masks = torch.einsum("bqc,bchw->bqhw", embeddings, pixels)
        return QueryOutput(self.net.class_predictor(queries), masks=masks)
