"""Tiny models with random weights, for tests: fast, and their masks are noise."""

import torch

from avseg.annotate.backends.sam import Sam
from avseg.annotate.backends.xmem import XMemPropagator
from avseg.nn.xmem import tiny_xmem


def tiny_propagator(short_side: int = 64) -> XMemPropagator:
    """Build XMem with 173 thousand random parameters."""
    return XMemPropagator(tiny_xmem(), short_side)


def tiny_sam() -> Sam:
    """Build SAM with 110 thousand random parameters, for images of 256 pixels."""
    from transformers import SamConfig, SamMaskDecoderConfig, SamModel, SamPromptEncoderConfig, SamVisionConfig

    config = SamConfig(
        # the default of initializer_range, 1e-10, makes the embeddings of all images equal
        vision_config=SamVisionConfig(
            image_size=256, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, mlp_dim=64, output_channels=32,
            num_pos_feats=16, initializer_range=0.02, global_attn_indexes=[1], window_size=4,
        ),
        prompt_encoder_config=SamPromptEncoderConfig(hidden_size=32, image_size=256, mask_input_channels=16),
        mask_decoder_config=SamMaskDecoderConfig(
            hidden_size=32, mlp_dim=64, num_attention_heads=4, iou_head_hidden_dim=32
        ),
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return Sam.from_model(SamModel(config))
