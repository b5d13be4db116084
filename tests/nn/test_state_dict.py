import pytest
import torch
from torch import nn

from avseg.nn.state_dict import load_exactly, without_parallel_prefix
from avseg.utils.errors import UserError


def network() -> nn.Sequential:
    return nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))


def test_weights_are_loaded_and_counters_may_be_missing() -> None:
    source, target = network(), network()
    weights = {f"module.{name}": tensor for name, tensor in source.state_dict().items() if "num_batches" not in name}
    load_exactly(target, without_parallel_prefix(weights), subject="the model", advice="check it")
    assert torch.equal(target[0].weight, source[0].weight)


def test_all_differences_are_one_line_and_the_network_is_unchanged() -> None:
    target = network()
    original = target[1].weight.clone()
    weights = dict(network().state_dict())
    weights["0.weight"] = torch.zeros(4, 2)
    weights["extra"] = torch.zeros(1)
    del weights["0.bias"]
    with pytest.raises(UserError) as caught:
        load_exactly(
            target, weights, subject="the model", advice="check it", original_names={"0.weight": "first.kernel"}
        )
    assert str(caught.value) == (
        "weights: do not fit the model: 1 missing (0.bias); 1 unexpected (extra); "
        "1 of another shape (first.kernel (4, 2) instead of (3, 2)); check it"
    )
    assert torch.equal(target[1].weight, original)
