"""Stop a run whose numbers became NaN or infinite, in all its processes, before its checkpoints and scores are written.

Loss and gradients are noted on the device and read every few steps; the predictions of a validation or test are noted
per clip and read at its end. All processes read together, since a NaN in one of them must stop all.
"""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback
from pytorch_lightning.trainer.states import TrainerFn
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.utils.hooks import RemovableHandle

from avseg.models.base import AVSegModule
from avseg.models.experiment import ExperimentModule
from avseg.utils.distributed import all_gather_object
from avseg.utils.errors import UserError
from avseg.utils.finite import NonFinite, tensors_in

_STEPS_BETWEEN_CHECKS = 50
# a gradient scaler (precision 16) occasionally skips a step; this many in a row never recover
_MOST_SKIPPED_STEPS = 20


class DivergenceError(UserError):
    """Numbers of a run that are NaN or infinite; raised in all its processes."""


class StopAtDivergence(Callback):
    """Raises `DivergenceError` for a loss, gradient, weight or prediction that is NaN or infinite.

    `last` is the checkpoint of the last finished epoch, None where nothing is trained. It must come before the
    callbacks that write checkpoints and csv files.
    """

    def __init__(self, last: Path | None = None) -> None:
        self.last = last
        self._steps = _FirstBadStep()
        self._inputs = NonFinite()
        self._predictions = NonFinite()
        self._hooks: list[RemovableHandle] = []

    # -- training -------------------------------------------------------------------------------------------------

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Forget an earlier training."""
        self._steps = _FirstBadStep()
        self._inputs.forget()

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Note the clips whose sound is not finite: a reason for a loss that is not."""
        self._note_sound(batch)

    def on_before_backward(self, trainer: pl.Trainer, pl_module: pl.LightningModule, loss: Tensor) -> None:
        """Note the loss."""
        self._steps.note_loss(loss, trainer.global_step)

    def on_before_optimizer_step(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, optimizer: Optimizer
    ) -> None:
        """Note the gradients, unscaled and not yet clipped."""
        gradients = [weight.grad for weight in pl_module.parameters() if weight.grad is not None]
        if gradients:
            self._steps.note_gradients(gradients, trainer.global_step)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Read the notes every few steps."""
        if (batch_idx + 1) % _STEPS_BETWEEN_CHECKS == 0:
            self._check_steps(trainer, pl_module)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Check loss, gradients and weights before the epoch's checkpoint is written."""
        self._check_steps(trainer, pl_module)
        self._refuse(trainer, _bad_weights(pl_module))

    def _check_steps(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        scaled = getattr(trainer.precision_plugin, "scaler", None) is not None
        last_epoch = trainer.current_epoch + 1 == trainer.max_epochs
        reason = self._steps.reason(skips=scaled, to_the_end=last_epoch and trainer.is_last_batch)
        silent = self._inputs.take()
        self._refuse(trainer, reason, silent if reason else [])

    # -- validation and test --------------------------------------------------------------------------------------

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Check the training before its validation, and note predictions from now on."""
        self._check_steps(trainer, pl_module)
        self._watch(pl_module)

    def on_test_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Note predictions from now on."""
        self._watch(pl_module)

    def on_validation_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        """Name the clips of the batch."""
        self._predictions.names = [batch] if isinstance(batch, str) else getattr(batch, "video_id", ())
        self._note_sound(batch)

    def on_test_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        """Name the clips or the video of the batch."""
        self.on_validation_batch_start(trainer, pl_module, batch, batch_idx)

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Refuse predictions that are not finite, before they are scored."""
        self._check_predictions(trainer, "validation")

    def on_test_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Do the same for a test."""
        self._check_predictions(trainer, "test")

    def _watch(self, module: pl.LightningModule) -> None:
        self._predictions.forget()
        self._inputs.forget()
        self._unwatch()
        for submodule in module.modules():
            if isinstance(submodule, AVSegModule):
                submodule.watch = self._predictions  # also for predictions that `decode` makes
            elif isinstance(submodule, ExperimentModule):
                self._hooks.append(submodule.register_forward_hook(_note_output(self._predictions)))

    def _unwatch(self) -> None:
        for hook in self._hooks:
            hook.remove()
        self._hooks = []

    def _check_predictions(self, trainer: pl.Trainer, split: str) -> None:
        self._unwatch()
        names = self._predictions.take()
        inputs = self._inputs.take()
        reason = f"the predictions of {_some(names)} are NaN or infinite ({split})" if names else ""
        self._refuse(trainer, reason, inputs if names else [])

    def teardown(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Stop noting, also after an error."""
        self._unwatch()
        for submodule in pl_module.modules():
            if isinstance(submodule, AVSegModule):
                submodule.watch = None

    # -- the error ------------------------------------------------------------------------------------------------

    def _note_sound(self, batch: Any) -> None:
        sound = getattr(batch, "sound", None)
        if isinstance(sound, Tensor):
            self._inputs.names = batch.video_id
            self._inputs.note(sound)

    def _refuse(self, trainer: pl.Trainer, reason: str, sounds: Sequence[str] = ()) -> None:
        """Raise in every process if there is a reason in any; every process must call it."""
        shares = all_gather_object((reason, list(sounds)))
        reasons = [share[0] for share in shares if share[0]]
        if not reasons:
            return
        damaged: list[str] = []
        for share in shares:
            damaged += share[1]
        advice = _advice(trainer, damaged)
        if not _fits(trainer):
            raise DivergenceError(f"{reasons[0]}; there are no scores: {advice}")
        when = f"epoch {trainer.current_epoch}, step {trainer.global_step}"
        if self.last is not None and self.last.is_file():
            checkpoint = f"last good checkpoint: {self.last} (epoch {trainer.current_epoch - 1})"
        else:
            checkpoint = "there is no good checkpoint yet"
        raise DivergenceError(f"the training diverged in {when}: {reasons[0]}; {checkpoint}; {advice}")


class _FirstBadStep:
    """The first step whose loss or gradients were not finite, and how many in a row were not, on the device."""

    def __init__(self) -> None:
        self._loss: Tensor | None = None  # value and step of the first bad loss; (2,) float64
        self._gradient: Tensor | None = None  # step of the first bad gradients, and the number in a row; (2,) int64
        self._count = 0  # of steps

    def note_loss(self, loss: Tensor, step: int) -> None:
        value = loss.detach().float()
        current = torch.stack([value, torch.full_like(value, step)])
        if self._loss is None:
            self._loss = current
        else:
            self._loss = torch.where(self._loss[0].isfinite(), current, self._loss)

    def note_gradients(self, gradients: list[Tensor], step: int) -> None:
        self._count += 1
        norm = nn.utils.get_total_norm(gradients)
        bad = ~norm.isfinite()
        if self._gradient is None:
            self._gradient = torch.full((2,), -1, dtype=torch.int64, device=norm.device)
            self._gradient[1] = 0
        first = torch.where(bad & (self._gradient[0] < 0), step, self._gradient[0])
        self._gradient = torch.stack([first, torch.where(bad, self._gradient[1] + 1, 0)])

    def reason(self, *, skips: bool, to_the_end: bool) -> str:
        """Return why training cannot go on, or ""; `skips` where steps with such gradients are left out.

        Then a few are normal, unless they are all to the end.
        """
        loss_step = gradient_step = math.inf
        value = 0.0
        if self._loss is not None:
            value, step = self._loss.tolist()
            loss_step = math.inf if math.isfinite(value) else step
        if self._gradient is not None:
            first, in_a_row = self._gradient.tolist()
            none_used = to_the_end and in_a_row == self._count
            if first >= 0 and (not skips or in_a_row >= _MOST_SKIPPED_STEPS or none_used):
                gradient_step = first
        if gradient_step < loss_step:
            return f"the gradients are NaN or infinite since step {gradient_step}"
        if loss_step < math.inf:
            return f"the loss is {value} since step {int(loss_step)}"
        return ""


def _note_output(predictions: NonFinite) -> Callable[[nn.Module, Any, Any], None]:
    def hook(module: nn.Module, arguments: Any, output: Any) -> None:
        for tensor in tensors_in(output):
            predictions.note(tensor)

    return hook


def _bad_weights(module: nn.Module) -> str:
    """Name the first parameter that is not finite, or statistic (of a batch norm) that is NaN; "" if there is none."""
    named: dict[str, Tensor] = {}
    for name, weight in module.named_parameters():
        named[name] = weight.detach().isfinite().all()
    for name, buffer in module.named_buffers():
        if buffer.is_floating_point():
            named[name] = ~buffer.isnan().any()
    if not named:
        return ""
    flags = torch.stack([flag.to(module.device) for flag in named.values()]).tolist()  # type: ignore[arg-type]
    bad = [name for name, good in zip(named, flags, strict=True) if not good]
    return f"{len(bad)} of its weights are NaN or infinite ({bad[0]}, ...)" if bad else ""


def _fits(trainer: pl.Trainer) -> bool:
    return trainer.state.fn == TrainerFn.FITTING


def _some(names: Sequence[str]) -> str:
    named = list(filter(None, names))
    if not named:
        return "some items"
    omitted = f" and {len(names) - 1} more" if len(names) > 1 else ""
    return f"'{named[0]}'{omitted}"


def _advice(trainer: pl.Trainer, sounds: Sequence[str]) -> str:
    if sounds:
        return f"the sound of {_some(sounds)} holds NaN or infinity; repair it (`avseg data check` lists defects)"
    if not _fits(trainer):
        return "the model diverged in training, or its numbers overflow; try trainer.precision=32-true"
    ideas = ["trainer.gradient_clip_val=1"]
    rates = [group["lr"] for optimizer in trainer.optimizers for group in optimizer.param_groups]
    if rates:
        ideas.insert(0, f"a lower optimizer.lr (it is {max(rates):g})")
    if not str(trainer.precision).startswith("32"):
        ideas.append(f"trainer.precision=32-true (it is {trainer.precision})")
    return f"try {', '.join(ideas)}"
