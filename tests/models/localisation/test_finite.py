"""Where the official codes give NaN: losses and gradients stay finite, and no other value changes."""

import pytest
import torch
from torch import Tensor

from avseg.models.lvs.loss import contrastive_loss, supervised_loss
from avseg.models.lvs.module import heat_map
from avseg.models.lvs.network import compare
from avseg.models.mssl import MSSL, MSSLOutput
from avseg.models.mssl.localisation import divide_by_maximum
from avseg.models.mssl.loss import coarse_loss, fine_loss, total
from avseg.models.mssl.loss import supervised_loss as mssl_supervised_loss


def test_lvs_without_any_negative_pixel() -> None:
    """All similarities are 1: 1 - sigmoid is exactly 0 in float32."""
    image, audio = torch.ones(2, 4, 3, 3, requires_grad=True), torch.ones(2, 4, 2, 2, requires_grad=True)
    output = compare(image, audio)
    assert output.negative.max() == 0
    contrastive_loss(output.logits).backward()
    assert image.grad is not None
    assert image.grad.isfinite().all()
    assert output.logits.isfinite().all()


def test_lvs_in_half_precision_equals_float32() -> None:
    torch.manual_seed(0)
    image, audio = torch.rand(2, 8, 3, 3), torch.rand(2, 8, 2, 2)
    with torch.autocast("cpu", torch.bfloat16):
        output = compare(image, audio)
    assert torch.equal(output.logits, compare(image, audio).logits)
    assert output.logits.dtype == torch.float32


@pytest.mark.parametrize("value", [-0.5, 0.3, 2.0])
def test_a_constant_similarity_gives_a_constant_map(value: float) -> None:
    heat = heat_map(torch.full((1, 2, 2), value), (8, 8))
    torch.testing.assert_close(heat, torch.full((1, 8, 8), min(max(value, 0.0), 1.0)))


def test_mssl_with_equal_features() -> None:
    """Rounding makes the squared distance of equal features negative, and the root of 0 has no gradient."""
    torch.manual_seed(0)
    fine = torch.nn.functional.normalize(torch.randn(3, 128, 1), dim=1).expand(-1, -1, 4)
    audio, image = fine.clone().requires_grad_(), fine.clone().requires_grad_()
    logits = torch.ones(3, 4)
    terms = fine_loss(MSSLOutput(torch.zeros(3, 3, 2), logits, logits, audio, image))
    total(terms).backward()
    assert audio.grad is not None
    assert all(term.isfinite() for term in terms.values())
    assert audio.grad.isfinite().all()


def test_mssl_of_one_pair() -> None:
    torch.manual_seed(0)
    network = MSSL(num_classes=3, width=2)
    output = network(torch.rand(1, 3, 32, 32), torch.rand(1, 1, 51, 64))
    labels = torch.tensor([[1.0, 0.0, 0.0]])
    loss = total(coarse_loss(output, labels, labels) | fine_loss(output))
    loss.backward()
    assert loss.isfinite()
    gradients = [weight.grad for weight in network.parameters()]
    assert all(isinstance(gradient, Tensor) and gradient.isfinite().all() for gradient in gradients)


def test_a_map_of_zeros_stays() -> None:
    maps = torch.stack([torch.zeros(4, 4), torch.full((4, 4), 0.5)])
    assert torch.equal(divide_by_maximum(maps), torch.stack([torch.zeros(4, 4), torch.ones(4, 4)]))


def test_a_sounding_pixel_of_negative_similarity_has_a_gradient() -> None:
    cosine = torch.full((1, 2, 2), -0.4, requires_grad=True)
    mssl_supervised_loss(cosine, torch.ones(1, 8, 8)).backward()
    assert cosine.grad is not None
    assert (cosine.grad < 0).all()


@pytest.mark.parametrize("loss", [supervised_loss, mssl_supervised_loss])
def test_a_batch_without_annotated_frames_has_a_gradient(loss: object) -> None:
    maps = torch.zeros(0, 2, 2, requires_grad=True)
    value = loss(maps, torch.zeros(0, 8, 8))  # type: ignore[operator]
    value.backward()
    assert value == 0
