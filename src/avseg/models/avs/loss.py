"""The losses of the AVS model (AVS paper, section 4.3, Eq. 6): masks, and audio-visual mapping (L_AVM)."""

from collections.abc import Sequence
from typing import Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional

from avseg.utils.choices import check_choice
from avseg.utils.errors import UserError

Form = Literal["kl", "euclidean"]
Pairing = Literal["own", "closest"]
_FAR = 10.0  # distance of two sounds above which the official code pairs neither with the other


class MaskLoss(nn.Module):
    """Binary cross-entropy of one logit (S4, MS3) or cross-entropy of K classes (AVSS) over the annotated frames.

    Every annotated frame has the same weight, whatever clip it belongs to. S4 annotates only the first frame of a
    training clip, MS3 all of them. Computed in float32 also under autocast.

    Example:
        >>> import torch
        >>> logits = torch.zeros(2, 5, 1, 8, 8)
        >>> masks = torch.ones(2, 5, 8, 8, dtype=torch.uint8)
        >>> annotated = torch.tensor([[True, False, False, False, False]] * 2)
        >>> MaskLoss()(logits, masks, annotated)
        tensor(0.6931)
    """

    def forward(self, logits: Tensor, masks: Tensor, annotated: Tensor) -> Tensor:
        """Compute the mean loss over the pixels of the annotated frames.

        Args:
            logits: (B, T, K, H, W); K = 1 is sounding or not, K > 1 are classes.
            masks: (B, T, H, W), K = 1: non-zero is sounding; K > 1: the class index.
            annotated: (B, T) bool, the frames that carry a label.

        Returns:
            A float32 scalar; without any annotated frame a zero that still carries the graph, as DDP needs it.
        """
        annotated = annotated.bool()
        with torch.autocast(logits.device.type, enabled=False):
            # index before the cast: of S4's frames only one in five is needed in float32
            frame_logits = logits[annotated].float()  # (N, K, H, W)
            labels = masks[annotated]  # (N, H, W)
            if frame_logits.shape[0] == 0:
                return frame_logits.sum()
            if frame_logits.shape[1] == 1:
                return functional.binary_cross_entropy_with_logits(frame_logits[:, 0], (labels != 0).float())
            return functional.cross_entropy(frame_logits, labels.long())


class AudioVisualMappingLoss(nn.Module):
    """Pull the visual feature under the predicted mask towards the feature of the sound, stage by stage.

    A frame's visual feature v (C) is the mean over the pixels of its stage map weighted by the predicted mask, pooled
    to the map's size; the audio feature a (C) is the sound as TPAVI projected it. The stages' terms are averaged.

    - form "kl" (the paper's): KL(softmax(a) || softmax(v)), summed over the frames.
    - form "euclidean": the mean distance between the L2-normalised a and v.
    - pairing "own" (L_AVM-AV): v is compared with the frame's own sound.
    - pairing "closest" (L_AVM-VV): v is compared with the v of that other frame of the batch whose sound is nearest. As
      in the official code a frame whose nearest sound is more than 10 away is its own partner, and AVSS in the form
      "kl" compares v with the frame's own sound all the same: only "euclidean" pairs its frames.

    For K > 1 classes (AVSS) the mask is the share of pixels whose best class is not `background` (it passes no
    gradient, as in the official code), and the terms are averaged over the annotated frames instead of summed. The
    official code takes the last class for the background here, although its labels count the background as 0.

    Computed in float32 also under autocast.

    Raises:
        UserError: an unknown form or pairing, or a stage outside 1 to 4.

    Example:
        >>> import torch
        >>> logits, maps, audio = torch.zeros(1, 5, 1, 8, 8), torch.zeros(1, 5, 4, 2, 2), torch.zeros(1, 5, 4)
        >>> AudioVisualMappingLoss()(logits, [maps, maps, maps, maps], [None, None, audio, audio])
        tensor(0.)
    """

    def __init__(
        self,
        stages: Sequence[int] | None = None,  # that count, 1 (stride 4) to 4; None for all that carry TPAVI
        form: Form = "kl",
        pairing: Pairing = "own",
        background: int = -1,  # class that is no foreground when K > 1; the official code's is the last
    ) -> None:
        super().__init__()
        check_choice("mapping loss: form", form, get_args(Form))
        check_choice("mapping loss: pairing", pairing, get_args(Pairing))
        if stages is not None and not set(stages) <= {1, 2, 3, 4}:
            raise UserError(f"mapping loss: stages {list(stages)}: a stage is 1 (stride 4) to 4 (stride 32)")
        self.stages = None if stages is None else sorted(set(stages))
        self.form = form
        self.pairing = pairing
        self.background = background

    def forward(
        self,
        logits: Tensor,  # (B, T, K, H, W)
        visual_maps: Sequence[Tensor],  # 4 stage maps (B, T, C, h, w), stage 1 first
        audio_maps: Sequence[Tensor | None],  # 4 entries, (B, T, C), or None where the stage carries no TPAVI
        annotated: Tensor | None = None,  # (B, T) bool, used for K > 1 only; None counts every frame
    ) -> Tensor:
        """Compute the mean over the counted stages.

        Returns:
            A float32 scalar; without a counted stage a zero that still carries the graph, as DDP needs it.

        Raises:
            UserError: a chosen stage carries no TPAVI.
        """
        with torch.autocast(logits.device.type, enabled=False):
            pairs = self._counted_pairs(visual_maps, audio_maps)
            if not pairs:
                return logits[:0].float().sum()
            semantic = logits.shape[2] > 1
            frame_logits = logits.flatten(0, 1)  # (B * T, K, H, W)
            if semantic:
                background = self.background % logits.shape[2]
                mask = (frame_logits.argmax(1, keepdim=True) != background).float()
            else:
                mask = frame_logits.float()
            terms = []
            for visual_map, audio_map in pairs:
                height, width = visual_map.shape[-2:]
                pooled = functional.adaptive_avg_pool2d(mask, (height, width))  # (B * T, 1, h, w)
                own = self.pairing == "own" or (semantic and self.form == "kl")
                weights = pooled if semantic else pooled.sigmoid()
                terms.append(self._stage_term(weights, visual_map, audio_map, own=own))
            per_frame = torch.stack(terms).mean(0)  # (B * T,)
            if not semantic:
                return per_frame.sum() if self.form == "kl" else per_frame.mean()
            counted = torch.ones_like(per_frame) if annotated is None else annotated.flatten().float()
            return (per_frame * counted).sum() / counted.sum().clamp(min=1)

    def _counted_pairs(
        self, visual_maps: Sequence[Tensor], audio_maps: Sequence[Tensor | None]
    ) -> list[tuple[Tensor, Tensor]]:
        fused = {}
        for stage, (visual_map, audio_map) in enumerate(zip(visual_maps, audio_maps, strict=True), start=1):
            if audio_map is not None:
                fused[stage] = (visual_map, audio_map)
        stages = list(fused) if self.stages is None else self.stages
        missing = sorted(set(stages) - set(fused))
        if missing:
            raise UserError(
                f"mapping loss: stages {missing} carry no TPAVI (fusion stages are {list(fused)}): "
                "choose among those, or leave the loss's stages empty to count all of them"
            )
        return [fused[stage] for stage in stages]

    def _stage_term(self, weights: Tensor, visual_map: Tensor, audio_map: Tensor, *, own: bool) -> Tensor:
        """Compare one stage's features (B, T, C, h, w) and (B, T, C) under weights (B * T, 1, h, w); (B * T,)."""
        visual = (visual_map.flatten(0, 1).float() * weights).mean((-2, -1))  # (B * T, C)
        audio = audio_map.flatten(0, 1).float()  # (B * T, C)
        if self.form == "euclidean":
            audio = functional.normalize(audio, dim=-1)
            visual = functional.normalize(visual, dim=-1)
        target = audio if own else visual[_nearest_frame(audio)]
        if self.form == "euclidean":
            return functional.pairwise_distance(target, visual)
        return functional.kl_div(visual.log_softmax(-1), target.softmax(-1), reduction="none").sum(-1)


def _nearest_frame(audio: Tensor) -> Tensor:
    """Index the nearest other sound of every frame, (N, C) to (N,); its own if no other is within `_FAR`."""
    distance = torch.cdist(audio, audio, compute_mode="donot_use_mm_for_euclid_dist")
    return distance.fill_diagonal_(_FAR).argmin(0)
