"""The box branch: DETR-DC5 with ResNet-101, initialised from COCO (LU-AVS, supplementary text)."""

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from avseg.models.lu_avs.presets import BOX_CONFIGS, build_config
from avseg.models.lu_avs.queries import QueryOutput
from avseg.models.lu_avs.weights import initialise, load_coco

COCO_WEIGHTS = {
    "resnet101_dc5": "facebook/detr-resnet-101-dc5",
    "resnet50_dc5": "facebook/detr-resnet-50-dc5",
}
# parameter names of the stem and first stage: timm's, and those of the ResNet of transformers
STEMS = {"timm_backbone": ("conv1.", "bn1.", "layer1."), "resnet": ("embedder.", "encoder.stages.0.")}


class BoxBranch(nn.Module):
    """Detects the objects of a frame that could sound: a class and a box for each query.

    The network is `DetrForObjectDetection` of `transformers`; its loss is `avseg.models.lu_avs.box_loss.BoxQueryLoss`.

    The batch norms of a ResNet are always frozen.

    Raises:
        UserError: an unknown config, or weights that cannot be loaded.
    """

    # of the parameters with a learning rate of their own
    backbone_prefix: ClassVar[str] = "net.model.backbone."
    decays_norms: ClassVar[bool] = True
    net: Any  # DetrForObjectDetection

    def __init__(
        self,
        num_classes: int,
        config: str = "resnet101_dc5",  # the paper's, 60 M parameters; others are in presets.yaml
        pretrained: bool | str = False,  # False; True for the COCO weights; or a folder or hub name (see `load_coco`)
        freeze_stem: bool = True,  # and the first stage of a ResNet, as in DETR
    ) -> None:
        super().__init__()
        from transformers import DetrForObjectDetection

        net_config = build_config("box branch", BOX_CONFIGS, config, num_classes)
        self.net = load_coco(DetrForObjectDetection, net_config, pretrained, COCO_WEIGHTS.get(config))
        if pretrained is False:
            detr = self.net.model
            transformer = nn.ModuleList([detr.encoder, detr.decoder])
            heads = (detr.input_projection, self.net.class_labels_classifier, self.net.bbox_predictor)
            initialise(transformer, detr.query_position_embeddings, *heads)
        # transformers freezes the stem of its own ResNet, but nothing of timm's
        stem = STEMS.get(net_config.backbone_config.model_type, ())
        for name, parameter in self.net.model.backbone.model.named_parameters():
            parameter.requires_grad_(not (freeze_stem and name.startswith(stem)))

    def forward(self, frames: Tensor, pixel_mask: Tensor | None = None) -> QueryOutput:
        """Compute the queries of a batch of frames; auxiliary layers in training only.

        Frames (B, 3, H, W) are normalised as by `avseg.nn.normalise`; `pixel_mask` (B, H, W) is 0 where a frame is
        padded. Boxes are relative to the frame without its padding, as the positions are.
        """
        if self.net.config.num_channels == 5:
            frames = with_coordinates(frames)  # (B, 5, H, W)
        output = self.net.model(frames, pixel_mask=pixel_mask, output_hidden_states=self.training)
        final = self._apply_heads(output.last_hidden_state)  # (B, Q, C)
        if not self.training:
            return final
        # not `auxiliary_loss`: it passes the normalised state to the next layer, unlike DETR
        norm = self.net.model.decoder.layernorm
        auxiliary: list[QueryOutput] = []
        for state in output.decoder_hidden_states[1:-1]:  # without the input and the last layer
            auxiliary.append(self._apply_heads(norm(state)))
        return final._replace(auxiliary=tuple(auxiliary))

    def _apply_heads(self, queries: Tensor) -> QueryOutput:
        """Compute class and box of each query (B, Q, C)."""
        boxes = self.net.bbox_predictor(queries).sigmoid()  # (B, Q, 4)
        return QueryOutput(self.net.class_labels_classifier(queries), boxes=boxes)


def with_coordinates(frames: Tensor) -> Tensor:
    """Append y and x of each pixel, -1 to 1, to frames (B, 3, H, W), as in CoordConv (Liu et al., NeurIPS 2018).

    DETR learns positions slowly, since they enter the attention only, never the features: too slowly for toy runs.
    """
    height, width = frames.shape[-2:]
    y = torch.linspace(-1, 1, height, device=frames.device, dtype=frames.dtype)
    x = torch.linspace(-1, 1, width, device=frames.device, dtype=frames.dtype)
    grid = torch.stack(torch.meshgrid(y, x, indexing="ij"))  # (2, H, W)
    return torch.cat([frames, grid.expand(len(frames), -1, -1, -1)], 1)  # (B, 5, H, W)
