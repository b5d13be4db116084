"""Named configurations of the visual branches; the optional library `transformers` is imported on use.

Each call builds a new configuration, since the models of `transformers` modify theirs.
"""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from avseg.utils.choices import check_choice
from avseg.utils.errors import UserError

STAGES = ["stage1", "stage2", "stage3", "stage4"]

# from the number of classes K to a configuration of `transformers`
ConfigBuilder = Callable[[int], Any]


def build_config(branch: str, configs: dict[str, ConfigBuilder], name: str, num_classes: int) -> Any:
    """Build the configuration `name` of `configs`; an unknown name, or fewer than one class, is a `UserError`."""
    check_choice("config", name, configs, branch)
    if num_classes < 1:
        raise UserError(f"{branch}: num_classes is {num_classes}, but must be 1 or more")
    with silence_transformers():
        return configs[name](num_classes)


@contextlib.contextmanager
def silence_transformers() -> Iterator[None]:
    """Hide warnings of `transformers` that a user cannot act on, such as that a new head has no weights yet."""
    from transformers.utils import logging

    verbosity = logging.get_verbosity()
    shows_bars = logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if shows_bars:
            logging.enable_progress_bar()


def _swin_base(num_classes: int) -> Any:
    """Build the paper's network: MaskFormer's defaults are those of `facebook/maskformer-swin-base-coco`."""
    from transformers import MaskFormerConfig

    return MaskFormerConfig(num_labels=num_classes)


def _toy_mask(num_classes: int) -> Any:
    """Build a small network for frames of 64 to 128 pixels; it learns from random weights in a thousand steps."""
    from transformers import ConvNextConfig, DetrConfig, MaskFormerConfig

    backbone = ConvNextConfig(
        patch_size=2,  # masks at half the frame's size
        hidden_sizes=[16, 32, 64, 96],
        depths=[1, 1, 1, 1],
        out_features=STAGES,
        layer_scale_init_value=1.0,
    )
    decoder = DetrConfig(**_transformer(width=64, layers=3, queries=10))
    return MaskFormerConfig(
        backbone_config=backbone,
        decoder_config=decoder,
        fpn_feature_size=32,
        mask_feature_size=32,
        num_labels=num_classes,
    )


def _tiny_mask(num_classes: int) -> Any:
    """Build a network for tests: a Swin like the paper's, too small to learn much."""
    from transformers import DetrConfig, MaskFormerConfig, SwinConfig

    backbone = SwinConfig(
        image_size=64,
        embed_dim=16,
        depths=[1, 1, 1, 1],
        num_heads=[1, 2, 2, 4],
        window_size=4,
        out_features=STAGES,
        drop_path_rate=0.0,
    )
    decoder = DetrConfig(**_transformer(width=32, layers=3, queries=7))
    return MaskFormerConfig(
        backbone_config=backbone,
        decoder_config=decoder,
        fpn_feature_size=32,
        mask_feature_size=32,
        num_labels=num_classes,
    )


def _dc5(backbone: str) -> ConfigBuilder:
    """Return the builder of DETR-DC5 with a timm ResNet: its last stage is dilated, so features have stride 16."""

    def build(num_classes: int) -> Any:
        from transformers import DetrConfig

        # with a backbone_config the option `dilation` is ignored
        timm_backbone = {
            "model_type": "timm_backbone",
            "backbone": backbone,
            "features_only": True,
            "use_pretrained_backbone": False,
            "out_indices": [1, 2, 3, 4],
            "output_stride": 16,
        }
        return DetrConfig(backbone_config=timm_backbone, num_labels=num_classes)

    return build


def _toy_box(num_classes: int) -> Any:
    """Build a small network for frames of 64 to 128 pixels; its backbone also gets the coordinates (`BoxBranch`)."""
    from transformers import ConvNextConfig, DetrConfig

    backbone = ConvNextConfig(
        num_channels=5,  # RGB, y, x
        patch_size=2,
        num_stages=3,
        hidden_sizes=[16, 32, 64],
        depths=[1, 1, 1],
        out_features=["stage3"],
        layer_scale_init_value=1.0,
    )
    transformer = _transformer(width=64, layers=3, queries=10)
    return DetrConfig(backbone_config=backbone, num_channels=5, num_labels=num_classes, **transformer)


def _tiny_box(num_classes: int) -> Any:
    """Build a network for tests: a ResNet like the paper's, too small to learn much."""
    from transformers import DetrConfig, ResNetConfig

    backbone = ResNetConfig(
        embedding_size=8,
        hidden_sizes=[8, 16, 24, 32],
        depths=[1, 1, 1, 1],
        layer_type="basic",
        out_features=["stage4"],
    )
    return DetrConfig(backbone_config=backbone, num_labels=num_classes, **_transformer(width=32, layers=3, queries=7))


def _transformer(width: int, layers: int, queries: int) -> dict[str, int | float]:
    """Return the options of a small DETR transformer."""
    return {
        "d_model": width,
        "encoder_layers": 1,
        "decoder_layers": layers,
        "encoder_attention_heads": 4,
        "decoder_attention_heads": 4,
        "encoder_ffn_dim": 2 * width,
        "decoder_ffn_dim": 2 * width,
        "num_queries": queries,
        "dropout": 0.0,
    }


MASK_CONFIGS: dict[str, ConfigBuilder] = {"swin_base": _swin_base, "toy": _toy_mask, "tiny": _tiny_mask}
BOX_CONFIGS: dict[str, ConfigBuilder] = {
    "resnet101_dc5": _dc5("resnet101"),
    "resnet50_dc5": _dc5("resnet50"),
    "resnet18_dc5": _dc5("resnet18"),
    "toy": _toy_box,
    "tiny": _tiny_box,
}
