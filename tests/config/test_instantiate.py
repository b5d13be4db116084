import pytest
import torch
from avseg.config.instantiate import instantiate

from avseg.utils.errors import UserError


def test_makes_what_the_target_names():
    weight = torch.nn.Parameter(torch.zeros(1))
    optimizer = instantiate({"_target_": "torch.optim.Adam", "lr": 0.5}, params=[weight])
    assert isinstance(optimizer, torch.optim.Adam)
    assert optimizer.defaults["lr"] == 0.5


@pytest.mark.parametrize("target", ["os.system", "builtins.eval", "subprocess.run", "torch.hub.load", "avsegx.f"])
def test_a_configuration_cannot_name_code_of_other_packages(target):
    with pytest.raises(UserError, match="not allowed"):
        instantiate({"_target_": "torch.optim.Adam", "nested": [{"_target_": target}]})


@pytest.mark.parametrize(
    "target",
    [
        "avseg.utils.files.os.remove",
        "avseg.training.load.torch.load",
        "avseg.utils.files.Path",
        "avseg.training.fit.train",
    ],
)
def test_nor_reach_it_through_what_our_modules_import(target):
    with pytest.raises(UserError, match="must be a class of"):
        instantiate({"_target_": "torch.optim.Adam", "nested": [{"_target_": target}]})


def test_a_class_that_does_not_exist_is_one_line():
    with pytest.raises(UserError, match=r"torch\.optim\.Adamm does not exist"):
        instantiate({"_target_": "torch.optim.Adamm"})


def test_a_refused_argument_is_one_line():
    with pytest.raises(UserError, match="refuses its settings") as caught:
        instantiate({"_target_": "torch.optim.Adam", "learning_rate": 1}, params=[torch.zeros(1)])
    assert "\n" not in str(caught.value)
