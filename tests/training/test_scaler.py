"""A gradient scaler (precision 16-mixed) skips steps: a few are normal, a scale that falls to 0 is a divergence.

Lightning replaces 16-mixed by bf16-mixed on the CPU; the scaler of torch works there, so it is passed as a plugin.
"""

from collections.abc import Callable

import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.plugins.precision import MixedPrecision
from torch import Tensor, nn
from torch.utils.data import DataLoader

from avseg.training.divergence import DivergenceError, StopAtDivergence

Bad = Callable[[int], bool]  # whether the gradients of a step are infinite


class _Regression(pl.LightningModule):
    def __init__(self, bad: Bad) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 1)
        self.bad = bad
        self.steps = 0
        self.layer.weight.register_hook(self._spoil)

    def _spoil(self, gradient: Tensor) -> Tensor:
        return gradient * torch.inf if self.bad(self.steps - 1) else gradient

    def training_step(self, batch: Tensor) -> Tensor:
        self.steps += 1
        return (self.layer(batch) - 1).float().square().mean()

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.05)


def _fit(bad: Bad, steps: int, scale: float = 2.0**10) -> tuple[_Regression, torch.amp.GradScaler, Tensor]:
    torch.manual_seed(0)
    scaler = torch.amp.GradScaler("cpu", init_scale=scale)
    module = _Regression(bad)
    before = module.layer.weight.detach().clone()
    trainer = pl.Trainer(
        accelerator="cpu",
        max_epochs=1,
        plugins=[MixedPrecision("16-mixed", "cpu", scaler=scaler)],
        callbacks=[StopAtDivergence()],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(module, DataLoader(torch.ones(steps, 4), batch_size=1))  # type: ignore[arg-type]
    return module, scaler, before


@pytest.mark.filterwarnings("ignore:.*num_workers:UserWarning", "ignore:.*lr_scheduler.step:UserWarning")
@pytest.mark.parametrize("bad", [lambda step: step < 5, lambda step: step % 10 == 9, lambda step: 40 <= step < 58])
def test_skipped_steps_are_no_divergence(bad: Bad) -> None:
    module, scaler, before = _fit(bad, 60)
    skipped = sum(map(bad, range(60)))
    assert scaler.get_scale() == 2.0 ** (10 - skipped)
    assert module.layer.weight.isfinite().all()
    assert not torch.equal(module.layer.weight, before)


@pytest.mark.filterwarnings("ignore:.*num_workers:UserWarning", "ignore:.*lr_scheduler.step:UserWarning")
@pytest.mark.parametrize(
    ("bad", "steps", "scale", "first"),
    [
        (lambda step: True, 60, 2.0**10, 0),
        (lambda step: step >= 30, 200, 2.0**10, 30),  # until the scale is 0
        (lambda step: True, 8, 2.0**10, 0),  # a short training that never makes a step
        (lambda step: False, 60, 0.0, 0),  # the scale is 0: gradients times 0, divided by 0
    ],
)
def test_a_scale_that_falls_to_zero_is_a_divergence(bad: Bad, steps: int, scale: float, first: int) -> None:
    with pytest.raises(DivergenceError, match="the gradients are NaN or infinite since step") as error:
        _fit(bad, steps, scale)
    assert f"since step {first};" in str(error.value)
    assert "trainer.precision=32-true" in str(error.value)
