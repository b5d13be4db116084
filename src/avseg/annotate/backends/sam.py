"""Segment Anything (ICCV 2023) through `transformers`: encode once, each click runs the decoder only."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from avseg.annotate.backends.huggingface import load
from avseg.annotate.protocols import Box, Candidate, Mask, Picture, Probability
from avseg.nn.normalise import normalise
from avseg.utils.errors import UserError

# SAM takes earlier masks as logits; these are about what it gives for a sure pixel
PRIOR_LOGITS = 10.0


@dataclass(frozen=True)
class Encoded:
    """A picture's embeddings, and its sizes.

    Attributes:
        embeddings: as the model takes them back.
        size: height and width of the picture.
        placed: height and width that the picture has in the model's square; the rest is border.
    """

    embeddings: Any
    size: tuple[int, int]
    placed: tuple[int, int]


class Sam:
    """SAM; `weights` such as `facebook/sam-vit-base`.

    Args:
        weights: a folder with `config.json` and `model.safetensors`, or a hub name.
        device: None for a GPU where there is one.

    Raises:
        UserError: see `hub.load`.
    """

    kind, model_name = "sam", "SamModel"

    def __init__(self, weights: str | Path | None = None, device: str | None = None) -> None:
        self._use(*load(self.kind, self.model_name, weights, device))

    @classmethod
    def from_model(cls, model: Any) -> "Sam":
        """Wraps a model of `transformers` as it is."""
        segmenter = cls.__new__(cls)
        segmenter._use(model.eval(), next(model.parameters()).device)
        return segmenter

    @torch.no_grad()
    def encode(self, picture: Picture) -> Encoded:
        """Runs the image encoder, which takes nearly all of the time."""
        height, width = picture.shape[:2]
        placed = self._placed(height, width)
        frame = torch.tensor(picture, device=self.device).permute(2, 0, 1)[None].float()
        small = (
            F.interpolate(frame, placed, mode="bilinear", antialias=True, align_corners=False).round().to(torch.uint8)
        )
        side = self.side
        square = F.pad(normalise(small), (0, side - placed[1], 0, side - placed[0]))
        return Encoded(self.model.get_image_embeddings(square), (height, width), placed)

    @torch.no_grad()
    def predict(
        self,
        encoded: Encoded,
        points: Sequence[tuple[float, float, bool]] = (),
        box: Box | None = None,
        mask: Mask | Probability | None = None,
    ) -> list[Candidate]:
        """See `Segmenter.predict`: three candidates (whole, part, part of a part), the best first."""
        prompts = self._prompts(encoded, points, box, mask)
        if not prompts or (box is None and mask is None and not any(point[2] for point in points)):
            raise UserError("prompt: there is no point on the object, no box and no mask; click on the object first")
        # one answer alone would be the average of whole and part
        output = self.model(image_embeddings=self._embeddings(encoded), multimask_output=True, **prompts)
        masks = self._full_size(output.pred_masks[0, 0].float(), encoded)
        found = [
            Candidate(one.cpu().numpy(), min(max(float(score), 0.0), 1.0))
            for one, score in zip(masks > 0, output.iou_scores[0, 0], strict=True)
        ]
        return sorted(found, key=lambda candidate: -candidate.score)

    def _use(self, model: Any, device: torch.device) -> None:
        self.model, self.device = model, device
        self.side = int(model.config.vision_config.image_size)
        # side of the maps that earlier masks are given as
        self.prior_side = 4 * int(model.config.prompt_encoder_config.image_size) // 16

    def _placed(self, height: int, width: int) -> tuple[int, int]:
        """The longer side fills the square; the border is to the right and at the bottom."""
        scale = self.side / max(height, width)
        return int(height * scale + 0.5), int(width * scale + 0.5)

    def _embeddings(self, encoded: Encoded) -> Any:
        return encoded.embeddings

    def _prompts(
        self,
        encoded: Encoded,
        points: Sequence[tuple[float, float, bool]],
        box: Box | None,
        mask: Mask | Probability | None,
    ) -> dict[str, Tensor]:
        """Prompts in the model's square; one image, one object."""
        (height, width), (tall, wide) = encoded.size, encoded.placed
        scale = torch.tensor([wide / width, tall / height], device=self.device)
        prompts = {}
        if points:
            places = torch.tensor([point[:2] for point in points], dtype=torch.float32, device=self.device)
            prompts["input_points"] = (places * scale)[None, None]
            prompts["input_labels"] = torch.tensor([int(point[2]) for point in points], device=self.device)[None, None]
        if box is not None:
            corners = torch.tensor(box, dtype=torch.float32, device=self.device).view(2, 2)
            prompts["input_boxes"] = (corners * scale).view(1, 1, 4)
        if mask is not None and (mask > 0.5).any():
            prompts["input_masks"] = self._prior(mask, encoded)
        return prompts

    def _prior(self, mask: Mask | Probability, encoded: Encoded) -> Tensor:
        """A mask as logits (1, 1, s, s)."""
        whole = torch.tensor(mask, dtype=torch.float32, device=self.device)[None, None]
        side = self.prior_side
        tall, wide = (max(round(length * side / self.side), 1) for length in encoded.placed)
        small = F.interpolate(whole, (tall, wide), mode="area")
        small = F.pad(small, (0, side - wide, 0, side - tall))
        logits: Tensor = (2 * small - 1) * PRIOR_LOGITS
        return logits

    def _full_size(self, logits: Tensor, encoded: Encoded) -> Tensor:
        """Logits (n, s, s) of the square to (n, H, W) of the picture."""
        square = F.interpolate(logits[None], (self.side, self.side), mode="bilinear", align_corners=False)
        tall, wide = encoded.placed
        return F.interpolate(square[..., :tall, :wide], encoded.size, mode="bilinear", align_corners=False)[0]
