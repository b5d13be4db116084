"""A frozen COCO detector of all visible objects, sounding or silent (silent loss, mode "teacher")."""

from typing import Any

import torch
from torch import Tensor, nn

from avseg.models.lu_avs import box_branch, mask_branch
from avseg.models.lu_avs.box_branch import BoxBranch
from avseg.models.lu_avs.mask_branch import MaskBranch
from avseg.models.lu_avs.queries import QueryOutput, to_corners
from avseg.models.lu_avs.weights import coco_classes
from avseg.utils.errors import UserError

# the first 80 of the 133 classes of COCO panoptic are things; the "stuff" classes (sky, wall) make no sound
_THINGS = {133: 80}


class Teacher(nn.Module):
    """A frozen visual branch with COCO's classes, of a config of `MaskBranch` or `BoxBranch`.

    `source` is True for the published COCO weights of this config; or a folder or hub name (see `load_coco`).

    Raises:
        UserError: an unknown config, or weights that cannot be loaded.
    """

    branch: Any  # MaskBranch or BoxBranch

    def __init__(self, region: str, config: str, source: bool | str) -> None:
        super().__init__()
        repositories = box_branch.COCO_WEIGHTS if region == "box" else mask_branch.COCO_WEIGHTS
        try:
            classes = coco_classes(source, repositories.get(config))
            branch = BoxBranch if region == "box" else MaskBranch
            self.branch = branch(classes, config, source)
        except UserError as error:
            raise UserError(f"model.teacher: {str(error).removeprefix('pretrained: ')}") from error
        self.things = _THINGS.get(classes, classes)
        self.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> "Teacher":
        """Keep the network in evaluation mode."""
        return super().train(False)

    @torch.no_grad()
    def forward(self, frames: Tensor, sizes: Tensor, **padding: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Detect the objects in frames (B, 3, H, W), normalised; the loss applies the score threshold.

        `sizes` (B, 2) are without the padding; `pixel_mask` of `BoxBranch` comes where frames are padded.

        Returns:
            For each frame the regions of the m queries that detect a thing, in the form of the losses: masks (m, h, w)
            of 0 and 1 or boxes (m, 4) in pixels; and the probabilities (m,) of their most probable things.
        """
        output: QueryOutput = self.branch(frames, **padding)
        probabilities = output.class_logits.float().softmax(-1)  # (B, Q, K+1)
        is_thing = probabilities.argmax(-1) < self.things
        scores = probabilities[..., : self.things].amax(-1)  # (B, Q)
        detections: list[tuple[Tensor, Tensor]] = []
        for frame, (height, width) in enumerate(sizes.tolist()):
            if output.masks is not None:
                regions = (output.masks[frame] > 0).float()  # (Q, h, w)
            else:
                assert output.boxes is not None
                regions = to_corners(output.boxes[frame], (height, width))  # (Q, 4)
            detections.append((regions[is_thing[frame]], scores[frame][is_thing[frame]]))
        return detections
