"""The two phases of AAVS's training: which parameters a phase trains, and the beginning of the second one."""

from collections.abc import Iterator, Sequence

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import ModelCheckpoint
from torch import nn

from avseg.models.aavs.adapters import swin_adapters
from avseg.models.aavs.network import AAVS
from avseg.utils.errors import UserError

# parts of the names of the parameters that training with adapters changes, besides the Swin adapters
TRAINED = ("queries_embedder.", "queries_features.", ".adapter.", "class_predictor.", "audio_proj.", "_embed.weight")
# the content of the queries stays in AVSS; the level embedding always does
KEPT_WITH_CLASSES = "queries_features."
KEPT = "level_embed."


def freeze_pretrained(network: AAVS) -> None:
    """Leave only adapters, queries, class head, sound projection and region embeddings to be trained."""
    for name, parameter in network.named_parameters():
        trained = any(fragment in name for fragment in TRAINED) and KEPT not in name
        if network.semantic and KEPT_WITH_CLASSES in name:
            trained = False
        parameter.requires_grad_(trained)


def swin_adapter_parameters(network: AAVS) -> Iterator[nn.Parameter]:
    """Iterate over the parameters that the first phase leaves at zero."""
    for module in swin_adapters(network):
        yield from module.adapter.parameters()


def first_epoch_of_second_phase(max_epochs: int | None, share: float) -> int:
    """Return its number; 0 where there is no first phase."""
    return int((max_epochs or 0) * share + 1e-9) if (max_epochs or 0) > 0 else 0


def restart(module: pl.LightningModule, network: AAVS, lr: float, seed: int) -> None:
    """Begin the second phase: weights of the best epoch so far, new Swin adapters, an optimizer without history.

    Processes draw the same adapters. Raises `UserError` if there is no checkpoint of an earlier epoch.
    """
    path = _best_checkpoint(module.trainer)
    state = torch.load(path, map_location=module.device, weights_only=True)["state_dict"]
    module.load_state_dict(state)
    generator = torch.Generator().manual_seed(seed)
    for adapter in swin_adapters(network):
        adapter.reset_adapter(generator)
    for optimizer in module.trainer.optimizers:
        optimizer.state.clear()
        set_lr([optimizer], lr)


def set_lr(optimizers: Sequence[torch.optim.Optimizer], lr: float) -> None:
    """Set the learning rate of all parameters."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = lr


def _best_checkpoint(trainer: pl.Trainer) -> str:
    for callback in trainer.checkpoint_callbacks:
        if isinstance(callback, ModelCheckpoint) and callback.monitor and callback.best_model_path:
            return callback.best_model_path
    raise UserError(
        "the second phase of AAVS begins from the best epoch of the first one, but no checkpoint of it was kept; set "
        "model.warmup_share=0 to train without a first phase"
    )
