import pytest
import torch

from avseg.config.components import find_class, load_component, make
from avseg.config.schema import AudioConfig, ModelConfig
from avseg.utils.errors import UserError


def test_makes_the_class_that_the_target_names():
    weight = torch.nn.Parameter(torch.zeros(1))
    optimizer = make("torch.optim.Adam", {"lr": 0.5}, "optimizer", params=[weight])
    assert isinstance(optimizer, torch.optim.Adam)
    assert optimizer.defaults["lr"] == 0.5


@pytest.mark.parametrize("target", ["os.system", "builtins.eval", "subprocess.run", "torch.hub.load", "avsegx.f", "x"])
def test_a_configuration_cannot_name_code_of_other_packages(target):
    with pytest.raises(UserError, match="not allowed: it is not part of avseg"):
        make(target, {}, "callbacks.x")
    with pytest.raises(UserError, match="not allowed"):
        load_component(ModelConfig, {"_target_": target}, "model")


@pytest.mark.parametrize(
    "target",
    [
        "avseg.utils.files.os.remove",
        "avseg.training.load.torch.load",
        "avseg.utils.files.Path",
        "avseg.training.fit.train",
    ],
)
def test_nor_reach_it_through_the_imports_of_our_modules(target):
    with pytest.raises(UserError, match=r"must be a class of|does not exist"):
        make(target, {}, "callbacks.x")


def test_a_class_that_does_not_exist_is_one_line():
    with pytest.raises(UserError, match=r"torch\.optim\.Adamm does not exist"):
        make("torch.optim.Adamm", {}, "optimizer")


def test_a_refused_argument_is_one_line():
    with pytest.raises(UserError, match="cannot be made with these options") as caught:
        make("torch.optim.Adam", {"learning_rate": 1}, "optimizer", params=[torch.zeros(1)])
    assert "\n" not in str(caught.value)


def test_an_option_of_another_group_is_refused():
    with pytest.raises(UserError, match="must be a subclass of AudioConfig"):
        load_component(AudioConfig, {"_target_": "avseg.models.avs.config.AVSConfig"}, "audio")


def test_an_option_without_a_target_is_refused():
    with pytest.raises(UserError, match="model: the option has no _target_"):
        load_component(ModelConfig, {"name": "x"}, "model")


def test_a_class_of_avseg_is_found():
    assert find_class("avseg.models.avs.config.AVSConfig", "model").__name__ == "AVSConfig"
