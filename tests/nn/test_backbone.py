import pytest
import torch

from avseg.nn.backbone import Backbone
from avseg.nn.normalise import IMAGENET_MEAN, IMAGENET_STD, normalise


@pytest.mark.parametrize(
    "name", ["test_resnet", "test_efficientnet", "pvt_v2_b0", "convnext_atto", "hrnet_w18_small", "test_convnext"]
)
def test_four_strides(name: str) -> None:
    backbone = Backbone(name).eval()
    with torch.no_grad():
        maps = backbone(torch.randn(2, 3, 64, 96))
    assert [tuple(m.shape) for m in maps] == [
        (2, channels, 64 // stride, 96 // stride)
        for channels, stride in zip(backbone.channels, (4, 8, 16, 32), strict=True)
    ]


def test_swin_returns_channels_first_at_any_size() -> None:
    maps = Backbone("swin_tiny_patch4_window7_224").eval()(torch.randn(1, 3, 64, 96))
    assert [tuple(m.shape[1:]) for m in maps] == [(96, 16, 24), (192, 8, 12), (384, 4, 6), (768, 2, 3)]


def test_pvt_trains_with_the_official_stochastic_depth() -> None:
    rates = [module.drop_prob for module in Backbone("pvt_v2_b0").modules() if hasattr(module, "drop_prob")]
    assert max(rates) == pytest.approx(0.1)


def test_normalise() -> None:
    image = torch.tensor([0, 128, 255], dtype=torch.uint8).view(1, 1, 3, 1, 1).expand(2, 5, 3, 4, 6)
    out = normalise(image)
    expected = [(v / 255 - m) / s for v, m, s in zip((0, 128, 255), IMAGENET_MEAN, IMAGENET_STD, strict=True)]
    assert out.shape == (2, 5, 3, 4, 6)
    torch.testing.assert_close(out[1, 2, :, 0, 0], torch.tensor(expected))


def test_images_are_converted_to_the_normalisation_of_the_weights() -> None:
    """Lite0 was trained with mean 0.5 and deviation 0.5; frames come with ImageNet's."""
    backbone = Backbone("tf_efficientnet_lite0").eval()
    image = torch.rand(1, 3, 32, 32)
    mean, std = torch.tensor(IMAGENET_MEAN).view(3, 1, 1), torch.tensor(IMAGENET_STD).view(3, 1, 1)
    with torch.no_grad():
        ours, direct = backbone((image - mean) / std), backbone.net((image - 0.5) / 0.5)
    torch.testing.assert_close(ours[3], direct[4], rtol=1e-4, atol=1e-5)
    assert Backbone("test_resnet").scale is None or tuple(backbone.net.pretrained_cfg["mean"]) == (0.5, 0.5, 0.5)
