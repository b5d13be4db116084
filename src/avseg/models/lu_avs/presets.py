"""The configurations of the visual branches, by name; the library `transformers` is imported when one is asked for.

A configuration is built anew each time: the models of `transformers` change the one they are given.
"""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from avseg.utils.errors import UserError, nearest

STAGES = ["stage1", "stage2", "stage3", "stage4"]


def chosen(branch: str, configs: dict[str, Callable[[int], Any]], name: str, num_classes: int) -> Any:
    """The configuration `name` of `configs`, for `num_classes` classes.

    Raises:
        UserError: there is none of this name, or no class.
    """
    if name not in configs:
        raise UserError(f"{branch}: config '{name}' is unknown{nearest(name, configs)}; choose {', '.join(configs)}")
    if num_classes < 1:
        raise UserError(f"{branch}: num_classes is {num_classes}, but must be 1 or more")
    with quiet():
        return configs[name](num_classes)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keeps `transformers` from telling what nobody can act on, such as that a new head has no weights yet."""
    from transformers.utils import logging

    before, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(before)
        if bars:
            logging.enable_progress_bar()


def _swin_base(num_classes: int) -> Any:
    """The paper's: the defaults of MaskFormer are those of `facebook/maskformer-swin-base-coco`."""
    from transformers import MaskFormerConfig

    return MaskFormerConfig(num_labels=num_classes)


def _toy_mask(num_classes: int) -> Any:
    """Masks at half the frame's size, for frames of 64 to 128 pixels; learns from nothing in a thousand steps."""
    from transformers import ConvNextConfig, DetrConfig, MaskFormerConfig

    backbone = ConvNextConfig(
        patch_size=2,
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
    """For tests: Swin like the paper's, nothing that could learn much."""
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


def _dc5(backbone: str) -> Callable[[int], Any]:
    """DETR-DC5 with a timm ResNet: the last stage dilated instead of strided, so features at stride 16."""

    def build(num_classes: int) -> Any:
        from transformers import DetrConfig

        # the most explicit form: with a backbone_config the option `dilation` is ignored
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
    """For frames of 64 to 128 pixels; its backbone also sees the coordinates (see `BoxBranch`)."""
    from transformers import ConvNextConfig, DetrConfig

    backbone = ConvNextConfig(
        num_channels=5,
        patch_size=2,
        num_stages=3,
        hidden_sizes=[16, 32, 64],
        depths=[1, 1, 1],
        out_features=["stage3"],
        layer_scale_init_value=1.0,
    )
    shape = _transformer(width=64, layers=3, queries=10)
    return DetrConfig(backbone_config=backbone, num_channels=5, num_labels=num_classes, **shape)


def _tiny_box(num_classes: int) -> Any:
    """For tests: a ResNet like the paper's, nothing that could learn much."""
    from transformers import DetrConfig, ResNetConfig

    backbone = ResNetConfig(
        embedding_size=8,
        hidden_sizes=[8, 16, 24, 32],
        depths=[1, 1, 1, 1],
        layer_type="basic",
        out_features=["stage4"],
    )
    return DetrConfig(backbone_config=backbone, num_labels=num_classes, **_transformer(width=32, layers=3, queries=7))


def _transformer(width: int, layers: int, queries: int) -> dict[str, Any]:
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


MASK_CONFIGS: dict[str, Callable[[int], Any]] = {"swin_base": _swin_base, "toy": _toy_mask, "tiny": _tiny_mask}
BOX_CONFIGS: dict[str, Callable[[int], Any]] = {
    "resnet101_dc5": _dc5("resnet101"),
    "resnet50_dc5": _dc5("resnet50"),
    "resnet18_dc5": _dc5("resnet18"),
    "toy": _toy_box,
    "tiny": _tiny_box,
}
