"""The box branch: DETR-DC5 with ResNet-101, initialised from COCO (LU-AVS, supplementary text)."""

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from avseg.models.lu_avs.coco import load_coco
from avseg.models.lu_avs.initialise import initialise
from avseg.models.lu_avs.presets import BOX_CONFIGS, chosen
from avseg.models.lu_avs.queries import QueryOutput
from avseg.models.lu_avs.recipe import Recipe

COCO_WEIGHTS = {
    "resnet101_dc5": "facebook/detr-resnet-101-dc5",
    "resnet50_dc5": "facebook/detr-resnet-50-dc5",
}
# the names of timm, and those of the ResNet of transformers
STEMS = {"timm_backbone": ("conv1.", "bn1.", "layer1."), "resnet": ("embedder.", "encoder.stages.0.")}


class BoxBranch(nn.Module):
    """Finds the objects of a frame that could sound: for each query a class and a box.

    The network is `DetrForObjectDetection` of `transformers`; its loss is `avseg.models.lu_avs.box_loss.BoxQueryLoss`.

    Args:
        num_classes: K.
        config: "resnet101_dc5" (the paper's; 60 M parameters), "resnet50_dc5", "resnet18_dc5", "toy" (for toy videos)
            or "tiny" (for tests).
        pretrained: False; True for the COCO weights; or a folder or hub name (see `load_coco`).
        freeze_stem: as in DETR, a ResNet's stem and first stage stay as they are. Its batch norms do in any case.

    Raises:
        UserError: an unknown config, or weights that cannot be had.
    """

    recipe: ClassVar = Recipe(
        epochs=6,
        lr=1e-4,
        backbone_lr=1e-5,
        weight_decay=1e-4,
        decay_norms=True,
        gradient_clip=0.1,
        backbone="net.model.backbone.",
    )
    net: Any

    def __init__(
        self,
        num_classes: int,
        config: str = "resnet101_dc5",
        pretrained: bool | str = False,
        freeze_stem: bool = True,
    ) -> None:
        super().__init__()
        from transformers import DetrForObjectDetection

        settings = chosen("box branch", BOX_CONFIGS, config, num_classes)
        self.net = load_coco(DetrForObjectDetection, settings, pretrained, COCO_WEIGHTS.get(config))
        if pretrained is False:
            parts = self.net.model
            transformer = nn.ModuleList([parts.encoder, parts.decoder])
            heads = (parts.input_projection, self.net.class_labels_classifier, self.net.bbox_predictor)
            initialise(transformer, parts.query_position_embeddings, *heads)
        # transformers freezes the stem of its own ResNet, but with timm's nothing at all
        stem = STEMS.get(settings.backbone_config.model_type, ())
        for name, parameter in self.net.model.backbone.model.named_parameters():
            parameter.requires_grad_(not (freeze_stem and name.startswith(stem)))

    def forward(self, frames: Tensor, pixel_mask: Tensor | None = None) -> QueryOutput:
        """Queries for a batch of frames.

        The auxiliary layers are computed while training only.

        Args:
            frames: (B, 3, H, W) float, normalised as by `avseg.nn.normalise`.
            pixel_mask: (B, H, W), 0 where a frame is padded; None without padding. Boxes are relative to the frame
                without its padding, as the positions are.
        """
        if self.net.config.num_channels == 5:
            frames = with_coordinates(frames)
        output = self.net.model(frames, pixel_mask=pixel_mask, output_hidden_states=self.training)
        final = self._heads(output.last_hidden_state)
        if not self.training:
            return final
        # not `auxiliary_loss`: it feeds the normed state to the next layer, which is not DETR
        norm = self.net.model.decoder.layernorm
        earlier = output.decoder_hidden_states[1:-1]
        return final._replace(auxiliary=tuple(self._heads(norm(state)) for state in earlier))

    def _heads(self, queries: Tensor) -> QueryOutput:
        """Class and box of each query; queries (B, Q, C)."""
        return QueryOutput(self.net.class_labels_classifier(queries), boxes=self.net.bbox_predictor(queries).sigmoid())


def with_coordinates(frames: Tensor) -> Tensor:
    """Appends each pixel's y and x, -1 to 1, to frames (B, 3, H, W), as in CoordConv (Liu et al., NeurIPS 2018).

    DETR learns slowly where things are: its positions enter the attention only, never the features. A toy has no time.
    """
    y, x = (torch.linspace(-1, 1, size, device=frames.device, dtype=frames.dtype) for size in frames.shape[-2:])
    grid = torch.stack(torch.meshgrid(y, x, indexing="ij"))
    return torch.cat([frames, grid.expand(len(frames), -1, -1, -1)], 1)
