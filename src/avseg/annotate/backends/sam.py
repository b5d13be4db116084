"""SAM (Kirillov et al., ICCV 2023), SAM 2 and EdgeTAM through `transformers`; each click only runs the mask decoder."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from avseg.annotate.backends.huggingface import load_model
from avseg.annotate.protocols import Box, Candidate, Image, Mask, Probability
from avseg.nn.normalise import normalise
from avseg.utils.errors import UserError

# SAM takes prior masks as logits; it predicts about this value for a certain pixel
PRIOR_LOGITS = 10.0


@dataclass(frozen=True)
class Encoded:
    """Embeddings of an image."""

    embeddings: Any  # in the form that the model takes back
    size: tuple[int, int]  # height and width of the image
    placed: tuple[int, int]  # height and width of the image in the model's square input; the rest is padding


class Sam:
    """SAM; `weights` is a folder, or a hub name such as `facebook/sam-vit-base`."""

    backend, model_name = "sam", "SamModel"
    learned = True

    def __init__(self, weights: str | Path | None = None, device: str | None = None) -> None:
        self._set_model(*load_model(self.backend, self.model_name, weights, device))

    @classmethod
    def from_model(cls, model: Any) -> "Sam":
        """Wrap a model of `transformers` as it is."""
        segmenter = cls.__new__(cls)
        segmenter._set_model(model.eval(), next(model.parameters()).device)
        return segmenter

    @torch.no_grad()
    def encode(self, image: Image) -> Encoded:
        """Run the image encoder, which takes nearly all of the time."""
        height, width = image.shape[:2]
        placed = self._placed(height, width)
        frame = torch.tensor(image, device=self.device).permute(2, 0, 1)[None].float()  # (1, 3, H, W)
        small = F.interpolate(frame, placed, mode="bilinear", antialias=True, align_corners=False)
        small = small.round().to(torch.uint8)
        square = F.pad(normalise(small), (0, self.side - placed[1], 0, self.side - placed[0]))
        return Encoded(self.model.get_image_embeddings(square), (height, width), placed)

    @torch.no_grad()
    def predict(
        self,
        encoded: Encoded,
        points: Sequence[tuple[float, float, bool]] = (),
        box: Box | None = None,
        mask: Mask | Probability | None = None,
    ) -> list[Candidate]:
        """See `Segmenter.predict`: three candidates (whole, part, subpart), best first."""
        prompts = self._prompts(encoded, points, box, mask)
        if not prompts or (box is None and mask is None and not any(point[2] for point in points)):
            raise UserError("prompt: no point on the object, no box and no mask; click on the object first")
        # a single output would average whole and part
        output = self.model(image_embeddings=self._embeddings(encoded), multimask_output=True, **prompts)
        logits = self._full_size(output.pred_masks[0, 0].float(), encoded)
        candidates = []
        for candidate_mask, score in zip(logits > 0, output.iou_scores[0, 0], strict=True):
            candidates.append(Candidate(candidate_mask.cpu().numpy(), min(max(float(score), 0.0), 1.0)))
        return sorted(candidates, key=lambda candidate: -candidate.score)

    def _set_model(self, model: Any, device: torch.device) -> None:
        self.model, self.device = model, device
        self.side = int(model.config.vision_config.image_size)
        # side of the maps in which the model takes prior masks
        self.prior_side = 4 * int(model.config.prompt_encoder_config.image_size) // 16

    def _placed(self, height: int, width: int) -> tuple[int, int]:
        """The longer side fills the square; the padding is on the right and at the bottom."""
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
        """Convert prompts to the coordinates of the model's square, for one image and one object."""
        (height, width), (placed_height, placed_width) = encoded.size, encoded.placed
        scale = torch.tensor([placed_width / width, placed_height / height], device=self.device)
        prompts = {}
        if points:
            clicks = torch.tensor(list(points), dtype=torch.float32, device=self.device)  # (n, 3)
            prompts["input_points"] = (clicks[:, :2] * scale)[None, None]  # (1, 1, n, 2)
            prompts["input_labels"] = clicks[:, 2].long()[None, None]  # (1, 1, n)
        if box is not None:
            corners = torch.tensor(box, dtype=torch.float32, device=self.device).view(2, 2)
            prompts["input_boxes"] = (corners * scale).view(1, 1, 4)
        if mask is not None and (mask > 0.5).any():
            prompts["input_masks"] = self._prior(mask, encoded)
        return prompts

    def _prior(self, mask: Mask | Probability, encoded: Encoded) -> Tensor:
        """Convert a mask (H, W) to logits (1, 1, s, s)."""
        full = torch.tensor(mask, dtype=torch.float32, device=self.device)[None, None]
        side = self.prior_side
        height, width = (max(round(length * side / self.side), 1) for length in encoded.placed)
        small = F.pad(F.interpolate(full, (height, width), mode="area"), (0, side - width, 0, side - height))
        logits: Tensor = (2 * small - 1) * PRIOR_LOGITS
        return logits

    def _full_size(self, logits: Tensor, encoded: Encoded) -> Tensor:
        """Resample logits (n, s, s) of the square to (n, H, W) of the image."""
        square = F.interpolate(logits[None], (self.side, self.side), mode="bilinear", align_corners=False)
        height, width = encoded.placed
        return F.interpolate(square[..., :height, :width], encoded.size, mode="bilinear", align_corners=False)[0]


class Sam2(Sam):
    """SAM 2 (Ravi et al., 2024) for single frames; images are stretched to the model's square, without padding."""

    backend, model_name = "sam2", "Sam2Model"

    def _set_model(self, model: Any, device: torch.device) -> None:
        self.model, self.device = model, device
        self.side = int(model.config.prompt_encoder_config.image_size)
        self.prior_side = self.side // 4

    def _placed(self, height: int, width: int) -> tuple[int, int]:
        return self.side, self.side

    def _embeddings(self, encoded: Encoded) -> Any:
        return list(encoded.embeddings)  # the model may modify the list


class EdgeTam(Sam2):
    """EdgeTAM (Zhou et al., CVPR 2025) for single frames: SAM 2 with a small encoder."""

    backend, model_name = "edgetam", "EdgeTamModel"
