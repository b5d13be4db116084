"""AAVS (Stepping-Stones, ECCV 2024): Mask2Former with audio-prompted queries and adapters, frame by frame.

Frame t is segmented from itself and the sound of second t alone, so any number of frames is allowed.
"""

from pathlib import Path
from typing import Any, NamedTuple

import torch
import yaml
from torch import Tensor, nn
from torch.nn import functional as F

from avseg.models.aavs.adapters import insert_adapters
from avseg.models.aavs.decoder import Keys, PixelFeatures, QueryLayer, decode_queries, level_keys
from avseg.nn.huggingface import load_pretrained, network_config
from avseg.utils.choices import check_choice
from avseg.utils.extras import require_transformers

PRESETS: dict[str, dict[str, Any]] = yaml.safe_load(Path(__file__).with_name("presets.yaml").read_text())
ADE_WEIGHTS = {"swin_base": "facebook/mask2former-swin-base-ade-semantic"}
# the queries and the class head start fresh: their number is another one; the library's Swin has a norm without use
FRESH = ("model.transformer_module.queries_", "class_predictor.", "criterion.empty_weight")
UNUSED = ".swin.layernorm."
QUERIES = {False: 30, True: 100}  # binary, AVSS
SCORE_SIZE = (224, 224)  # of the official scores
# below and above these values of a resized stage-1 mask, a key is silent or sounding; between them it is uncertain
SILENT, SOUNDING = 0.4, 0.6


class AAVSOutput(NamedTuple):
    """Output for B clips of T frames of H x W pixels; L is 2 (background, sounding), for AVSS the number of classes.

    `scores` are the official ones: non-negative, the argmax is the mask. `logits` are s1 - s0 (K = 1, positive where
    the argmax is sounding), for AVSS the logarithms of the scores, at the size of the frames.
    """

    scores: Tensor  # (B, T, L, 224, 224)
    class_logits: Tensor  # (B, T, Q, L + 1), the last is "no object"
    mask_logits: Tensor  # (B, T, Q, h, w), at a quarter of the frame's size
    logits: Tensor  # (B, T, K, H, W)


class AAVS(nn.Module):
    """Segment the sounding objects of frames from one sound embedding per frame.

    Frames of any size; the published weights were trained at 384 x 384.

    Raises:
        UserError: transformers is missing, an unknown network, or weights that are not available.
    """

    def __init__(
        self,
        num_classes: int = 1,  # sounding or not; 71 for AVSS, whose form reads stage-1 masks
        network: str = "swin_base",  # a preset of presets.yaml
        queries: int | None = None,  # their number; None for 30, or 100 with classes
        audio_channels: int = 128,  # length of a sound embedding, 128 for VGGish
        pretrained: bool | str = False,  # ADE20k weights of the hub, see `load_pretrained`
    ) -> None:
        super().__init__()
        check_choice("network", network, PRESETS, "AAVS")
        require_transformers("AAVS", "aavs")
        from transformers import Mask2FormerForUniversalSegmentation

        self.num_classes = num_classes
        self.semantic = num_classes > 1
        config = network_config(
            PRESETS[network], num_labels=max(num_classes, 2), num_queries=queries or QUERIES[self.semantic]
        )
        net: Any = load_pretrained(
            Mask2FormerForUniversalSegmentation, config, pretrained, ADE_WEIGHTS.get(network), FRESH, UNUSED
        )
        del net.criterion  # the loss would add its class weights to every checkpoint
        net.model.pixel_level_module.encoder.swin.layernorm = nn.Identity()  # its output is never read
        insert_adapters(net, semantic=self.semantic)
        if pretrained is False:
            # from random weights: at the usual deviation of 1 the content of the queries drowns the sound
            nn.init.normal_(net.model.transformer_module.queries_features.weight, std=0.1)
        self.net = net
        width = config.hidden_dim
        self.audio_proj = nn.Sequential(nn.Linear(audio_channels, 2 * width), nn.ReLU(), nn.Linear(2 * width, width))
        if self.semantic:
            self.audio_embed = nn.Embedding(1, width)
            self.silence_embed = nn.Embedding(1, width)
            self.uncertain_embed = nn.Embedding(1, width)

    def forward(self, frames: Tensor, audio: Tensor, stage1: Tensor | None = None) -> AAVSOutput:
        """Segment frames (B, T, 3, H, W), normalised as by `avseg.nn.normalise`, with sounds (B, T, audio_channels).

        `stage1` (B, T, h, w), 1 where something sounds, 0 elsewhere, of any size, is what the AVSS form needs.
        """
        clips = frames.shape[:2]
        size = (frames.shape[-2], frames.shape[-1])
        masks = None if stage1 is None else stage1.flatten(0, 1)
        last = self.decode(self.encode(frames.flatten(0, 1)), audio.flatten(0, 1), masks)[-1]
        maps = class_maps(last, size)  # (B * T, L, H, W)
        scores = F.interpolate(maps, SCORE_SIZE, mode="bilinear", align_corners=False)
        outputs = (scores, *last, maps_to_logits(maps))
        return AAVSOutput(*(values.view(*clips, *values.shape[1:]) for values in outputs))

    def encode(self, frames: Tensor) -> PixelFeatures:
        """Encode frames (N, 3, H, W), independent of the sound."""
        pixels = self.net.model.pixel_level_module(frames)
        return PixelFeatures(pixels.decoder_last_hidden_state, tuple(pixels.decoder_hidden_states))

    def decode(
        self, features: PixelFeatures, audio: Tensor, stage1: Tensor | None = None, *, auxiliary: bool = False
    ) -> list[QueryLayer]:
        """Decode N frames with sounds (N, audio_channels) and stage-1 masks (N, h, w); the last prediction counts.

        With `auxiliary` the predictions before and after each earlier layer are returned first. `features` are not
        changed.
        """
        if self.semantic != (stage1 is not None):
            text = "needs stage-1 masks" if self.semantic else "takes no stage-1 masks"
            raise ValueError(f"AAVS of {self.num_classes} classes {text}")
        transformer: Any = self.net.model.transformer_module
        keys = level_keys(transformer, features)
        mask_features = features.mask_features
        first_closed: Tensor | None = None
        if stage1 is not None:
            masks = stage1[:, None].to(mask_features.dtype)  # (N, 1, h, w)
            mask_features = mask_features + _resize(masks, (mask_features.shape[-2], mask_features.shape[-1]))
            keys = [self._with_region(level, masks) for level in keys]
            first_closed = _resize(masks, keys[0].size).flatten(1) < 0.5  # (N, S)
        return decode_queries(
            transformer,
            self.prompted_queries(audio),
            keys,
            mask_features,
            first_closed,
            classify=self.net.class_predictor,
            auxiliary=auxiliary,
        )

    def prompted_queries(self, audio: Tensor) -> Tensor:
        """Add sounds (N, audio_channels) to the content of the queries: content + cos(position, a) * a, (Q, N, D)."""
        transformer: Any = self.net.model.transformer_module
        sound = self.audio_proj(audio)  # (N, D)
        similarity = F.cosine_similarity(transformer.queries_embedder.weight[:, None], sound[None], dim=-1)  # (Q, N)
        content: Tensor = transformer.queries_features.weight[:, None] + similarity[..., None] * sound
        return content

    def _with_region(self, level: Keys, masks: Tensor) -> Keys:
        """Add to each key's position the embedding of its region: silent, uncertain or sounding."""
        share = _resize(masks, level.size).flatten(1).T[..., None]  # (S, N, 1)
        certain = torch.where(share >= SOUNDING, self.audio_embed.weight, self.uncertain_embed.weight)
        region = torch.where(share <= SILENT, self.silence_embed.weight, certain)  # (S, N, D)
        return level._replace(positions=level.positions + region)


def class_maps(prediction: QueryLayer, size: tuple[int, int]) -> Tensor:
    """Sum the queries' masks by class probability, "no object" left out: non-negative scores (N, L, H, W)."""
    probabilities = prediction.class_logits.softmax(dim=-1)[..., :-1]  # (N, Q, L)
    masks = _resize(prediction.mask_logits, size).sigmoid()  # (N, Q, H, W)
    return torch.einsum("nql,nqhw->nlhw", probabilities, masks)


def maps_to_logits(maps: Tensor) -> Tensor:
    """Turn scores (N, L, H, W) into one logit s1 - s0 (L = 2), or the logits whose softmax is each score's share."""
    if maps.shape[1] == 2:
        return maps[:, 1:] - maps[:, :1]
    return maps.clamp(min=torch.finfo(maps.dtype).tiny).log()


def _resize(maps: Tensor, size: tuple[int, int]) -> Tensor:
    return F.interpolate(maps, size, mode="bilinear", align_corners=False)
