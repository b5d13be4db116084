"""A frozen COCO detector that says what is seen in a frame, whether it sounds or not (silent loss, mode "teacher")."""

from typing import Any

import torch
from torch import Tensor, nn

from avseg.models.lu_avs import box_branch, mask_branch
from avseg.models.lu_avs.box_branch import BoxBranch
from avseg.models.lu_avs.coco import coco_classes
from avseg.models.lu_avs.mask_branch import MaskBranch
from avseg.models.lu_avs.queries import QueryOutput
from avseg.models.lu_avs.regions import to_corners
from avseg.utils.errors import UserError

# of the 133 classes of COCO panoptic the first 80 are things; what comes after (sky, wall) is nobody's voice
_THINGS = {133: 80}


class Teacher(nn.Module):
    """A visual branch with COCO's own classes; it never learns.

    Args:
        kind: "mask" or "box".
        config: the architecture of the weights, a name that `MaskBranch` or `BoxBranch` knows.
        source: True for the published COCO weights of this architecture; or a folder or hub name (see `load_coco`).

    Raises:
        UserError: an unknown config, or weights that cannot be had.
    """

    branch: Any

    def __init__(self, kind: str, config: str, source: bool | str) -> None:
        super().__init__()
        build, known = (BoxBranch, box_branch.COCO_WEIGHTS) if kind == "box" else (MaskBranch, mask_branch.COCO_WEIGHTS)
        try:
            classes = coco_classes(source, known.get(config))
            self.branch = build(classes, config, source)
        except UserError as error:
            raise UserError(f"branch.teacher: {str(error).removeprefix('pretrained: ')}") from error
        self.things = _THINGS.get(classes, classes)
        self.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> "Teacher":
        """Stays in evaluation mode."""
        return super().train(False)

    @torch.no_grad()
    def forward(self, frames: Tensor, sizes: Tensor, **padding: Tensor) -> list[tuple[Tensor, Tensor]]:
        """What the queries see, one object each; how sure the teacher must be is the loss's to say.

        Args:
            frames: (B, 3, H, W) float, normalised as by `avseg.nn.normalise`.
            sizes: (B, 2), height and width of each frame without its padding.
            padding: `pixel_mask` of `BoxBranch`, where frames are padded.

        Returns:
            For each frame the regions of the m queries that see a thing, as the losses take them, masks (m, h, w) of 0
            and 1 or boxes (m, 4) in pixels, and the probabilities (m,) of their likeliest things.
        """
        output: QueryOutput = self.branch(frames, **padding)
        probabilities = output.class_logits.float().softmax(-1)
        likeliest = probabilities.argmax(-1) < self.things
        scores = probabilities[..., : self.things].amax(-1)
        if output.masks is not None:
            regions = [(masks > 0).float() for masks in output.masks]
        else:
            assert output.boxes is not None
            pairs_of_size = zip(output.boxes, sizes.tolist(), strict=True)
            regions = [to_corners(boxes, (height, width)) for boxes, (height, width) in pairs_of_size]
        pairs = zip(regions, scores, likeliest, strict=True)
        return [(region[seen], score[seen]) for region, score, seen in pairs]
