"""The audio-visual mapping loss L_AVM (AVS paper, section 4.3, Eq. 6): sounding pixels and sound shall agree."""

from collections.abc import Sequence
from typing import Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional

from avseg.utils.errors import UserError, nearest

Form = Literal["kl", "euclidean"]
Pairing = Literal["own", "closest"]


class AudioVisualMappingLoss(nn.Module):
    """Draws the visual feature under the predicted mask towards the feature of the sound, stage by stage.

    A frame's visual feature v (C) is the mean over the pixels of its stage map weighted by the predicted mask, pooled
    to the map's size; the audio feature a (C) is the sound as TPAVI aligned it. The stages' terms are averaged.

    - form "kl" (the paper's): KL(softmax(a) || softmax(v)), summed over the frames.
    - form "euclidean": the mean distance between the L2-normalised a and v.
    - pairing "own" (L_AVM-AV): v is compared with the frame's own sound.
    - pairing "closest" (L_AVM-VV): v is compared with the v of that other frame of the batch whose sound is nearest.

    For K > 1 classes (AVSS) the mask is the share of pixels whose best class is not the background (it passes no
    gradient, as in the official code), and the "kl" terms are averaged over the annotated frames instead of summed.

    Computed in float32 also under autocast.

    Args:
        stages: the stages that count, 1 (stride 4) to 4; None counts every stage that carries TPAVI.
        form: "kl" or "euclidean".
        pairing: "own" or "closest".
        background: the background's class index when K > 1.

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
        stages: Sequence[int] | None = None,
        form: Form = "kl",
        pairing: Pairing = "own",
        background: int = 0,
    ) -> None:
        super().__init__()
        _check("form", form, get_args(Form))
        _check("pairing", pairing, get_args(Pairing))
        if stages is not None and not set(stages) <= {1, 2, 3, 4}:
            raise UserError(f"mapping loss: stages {list(stages)}: a stage is 1 (stride 4) to 4 (stride 32)")
        self.stages = None if stages is None else sorted(set(stages))
        self.form = form
        self.pairing = pairing
        self.background = background

    def forward(
        self,
        logits: Tensor,
        visual_maps: Sequence[Tensor],
        audio_maps: Sequence[Tensor | None],
        annotated: Tensor | None = None,
    ) -> Tensor:
        """The mean over the counted stages.

        Args:
            logits: (B, T, K, H, W).
            visual_maps: 4 stage maps (B, T, C, h, w), stage 1 first.
            audio_maps: 4 entries, (B, T, C), or None where the stage carries no TPAVI.
            annotated: (B, T) bool, used for K > 1 only; None counts every frame.

        Returns:
            A float32 scalar; without a counted stage a zero that still carries the graph, as DDP needs it.

        Raises:
            UserError: a stage was asked for that carries no TPAVI.
        """
        with torch.autocast(logits.device.type, enabled=False):
            pairs = self._counted(visual_maps, audio_maps)
            if not pairs:
                return logits[:0].float().sum()
            many = logits.shape[2] > 1
            mask = self._foreground(logits) if many else logits.flatten(0, 1).float()
            frames = torch.stack([self._stage(mask, visual, audio, many) for visual, audio in pairs]).mean(0)
            if not many:
                return frames.sum() if self.form == "kl" else frames.mean()
            weight = torch.ones_like(frames) if annotated is None else annotated.flatten().float()
            return (frames * weight).sum() / weight.sum().clamp(min=1)

    def _counted(
        self, visual_maps: Sequence[Tensor], audio_maps: Sequence[Tensor | None]
    ) -> list[tuple[Tensor, Tensor]]:
        both = enumerate(zip(visual_maps, audio_maps, strict=True), start=1)
        carrying = {stage: (visual, audio) for stage, (visual, audio) in both if audio is not None}
        stages = list(carrying) if self.stages is None else self.stages
        missing = sorted(set(stages) - set(carrying))
        if missing:
            raise UserError(
                f"mapping loss: stages {missing} carry no TPAVI (fusion stages are {list(carrying)}): "
                "choose among those, or leave the loss's stages empty to count all of them"
            )
        return [carrying[stage] for stage in stages]

    def _foreground(self, logits: Tensor) -> Tensor:
        return (logits.flatten(0, 1).argmax(1, keepdim=True) != self.background).float()

    def _stage(self, mask: Tensor, visual_map: Tensor, audio_map: Tensor, many: bool) -> Tensor:
        """One stage's term per frame, (B*T,); `mask` is (B*T, 1, H, W): logits, or the foreground of classes."""
        maps, audio = visual_map.flatten(0, 1).float(), audio_map.flatten(0, 1).float()
        pooled = functional.adaptive_avg_pool2d(mask, (maps.shape[-2], maps.shape[-1]))
        weight = pooled if many else pooled.sigmoid()
        visual = (maps * weight).mean((-2, -1))
        if self.form == "euclidean":
            audio, visual = functional.normalize(audio, dim=-1), functional.normalize(visual, dim=-1)
        aim = audio if self.pairing == "own" else visual[_closest(audio)]
        if self.form == "euclidean":
            return functional.pairwise_distance(aim, visual)
        return functional.kl_div(visual.log_softmax(-1), aim.softmax(-1), reduction="none").sum(-1)


def _closest(audio: Tensor) -> Tensor:
    """For every frame's sound (N, C) the place of the nearest other one; a lone frame is its own nearest."""
    distance = torch.cdist(audio, audio, compute_mode="donot_use_mm_for_euclid_dist")
    return distance.fill_diagonal_(torch.inf).argmin(1)


def _check(name: str, value: str, allowed: Sequence[str]) -> None:
    if value not in allowed:
        choices = " or ".join(f"'{choice}'" for choice in allowed)
        raise UserError(f"mapping loss: {name} '{value}' is unknown: use {choices}{nearest(value, allowed)}")
