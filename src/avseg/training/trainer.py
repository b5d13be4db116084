"""Build the Trainer of a run; configure logging, CPU threads and signal handling."""

import logging
import os
import sys
import warnings
from collections.abc import Callable
from typing import Any, TypeVar

import pytorch_lightning as pl
import torch
from lightning_utilities.core.rank_zero import rank_zero_only
from pytorch_lightning.callbacks import Callback

from avseg.config.components import make
from avseg.config.schema import TrainConfig, TrainerConfig
from avseg.models.experiment import ExperimentModule
from avseg.runs import RunDirectory
from avseg.training.callbacks import BestAndLast, ClipPanels, MetricsCsv
from avseg.training.divergence import DivergenceError, StopAtDivergence
from avseg.training.signals import SigtermAsBefore, WholeCheckpoints
from avseg.training.sync_batch_norm import SyncNorm
from avseg.training.wandb_logger import RunLogger, make_logger
from avseg.training.wandb_media import Dashboard
from avseg.utils.errors import UserError

log = logging.getLogger("avseg")
T = TypeVar("T")

# fields of TrainerConfig that are not arguments of Lightning's Trainer
_OURS = ("sync_batchnorm", "options")
_IGNORED_WARNINGS = (
    # workers are set by data.num_workers; zero is right for small sets
    ".*does not have many workers.*",
    ".*number of training batches.*smaller than the logging interval.*",
    # debug=overfit asks for it
    "You requested to overfit but enabled .* shuffling",
    # the metrics have gathered over all processes
    ".*It is recommended to use .*sync_dist=True.*",
    # a resumed run
    ".*Checkpoint directory .* exists and is not empty.*",
    ".*isinstance.treespec, LeafSpec.*",
)


def make_trainer(config: TrainConfig, run: RunDirectory, model: ExperimentModule) -> pl.Trainer:
    """Make the Lightning trainer of a run: checkpoints (of the best epoch by `model.monitor`), csv, panels, logger."""
    logger = make_logger(config, run)
    callbacks = _run_callbacks(run, model.monitor)
    for name, settings in config.callbacks.items():
        folder = {"folder": str(run.pictures)} if settings.target.endswith(f".{ClipPanels.__name__}") else {}
        callback = make(settings.target, settings.options, f"callbacks.{name}", **folder)
        if not isinstance(callback, Callback):
            raise UserError(f"callbacks.{name} is not a Lightning callback; give a _target_ that is one")
        callbacks.append(callback)
    if isinstance(logger, RunLogger) and config.data.data_kind == "clips":
        callbacks.append(Dashboard(logger, run))
    plugins: list[Any] = [WholeCheckpoints()]
    if config.trainer.sync_batchnorm:  # Lightning's own way loses the activations of timm's norms
        plugins.append(SyncNorm())
    arguments = trainer_arguments(config.trainer)
    # show the progress bar only in a terminal or notebook
    interactive = sys.stdout.isatty() or "ipykernel" in sys.modules
    arguments["enable_progress_bar"] = arguments["enable_progress_bar"] and interactive
    return _make(arguments, callbacks=callbacks, logger=logger, plugins=plugins, default_root_dir=str(run.path))


def make_plain_trainer(config: TrainerConfig) -> pl.Trainer:
    """Make a trainer that evaluates and writes nothing."""
    return _make(trainer_arguments(config), callbacks=[StopAtDivergence()], logger=False, enable_checkpointing=False)


def trainer_arguments(config: TrainerConfig) -> dict[str, Any]:
    """Return the arguments of Lightning's Trainer."""
    arguments = dict(vars(config))
    for name in _OURS:
        del arguments[name]
    if isinstance(config.devices, tuple):
        arguments["devices"] = list(config.devices)
    return arguments | dict(config.options)


def _make(arguments: dict[str, Any], **objects: Any) -> pl.Trainer:
    # the data module brings its samplers: Lightning's would count some clips twice in evaluation
    fixed = {"use_distributed_sampler": False, "enable_model_summary": False}
    trainer: pl.Trainer = make("pytorch_lightning.Trainer", {**arguments, **fixed, **objects}, "trainer")
    return trainer


def _run_callbacks(run: RunDirectory, monitor: str) -> list[Callback]:
    each_epoch: dict[str, Any] = {
        "enable_version_counter": False,  # a resumed run overwrites best.ckpt instead of adding best-v1.ckpt
        "save_on_train_epoch_end": True,  # after metrics.csv, so that the csv is never behind the checkpoint
    }
    folder = run.best.parent
    return [
        SigtermAsBefore(),
        StopAtDivergence(run.last),  # before the files of the epoch
        MetricsCsv(run.metrics),
        BestAndLast(folder, filename="best", monitor=monitor, mode="max", **each_epoch),
        BestAndLast(folder, filename="last", **each_epoch),  # Lightning's save_last keeps improved epochs only
    ]


def run_trainer(trainer: pl.Trainer, function: Callable[..., T], *arguments: Any, **settings: Any) -> T:
    """Call `trainer.fit` or `trainer.test`; a device with too little memory is a `UserError`.

    Raises:
        KeyboardInterrupt: for Ctrl-C, which Lightning answers with exit code 1.
    """
    try:
        return function(*arguments, **settings)
    except torch.OutOfMemoryError as error:
        raise UserError(
            "the device has too little memory; lower data.batch_size (evaluate: batch_size) or data.image_size, "
            "or choose trainer.precision=bf16-mixed"
        ) from error
    except DivergenceError:
        if trainer.is_global_zero:
            raise
        # all processes raise it; one reports it, and Lightning kills the first if another one ends with an error
        raise SystemExit(0) from None
    except SystemExit as error:
        if trainer.interrupted:
            raise KeyboardInterrupt from error
        raise


def share_cores(workers: int) -> None:
    """Leave a core to each reading process, unless `OMP_NUM_THREADS` is set: sharing cores takes far longer."""
    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(max(1, (os.cpu_count() or 1) - workers))


def is_first_process() -> bool:
    """True on global rank 0, the process that writes and logs."""
    return bool(getattr(rank_zero_only, "rank", 0) == 0)


def configure_logging() -> None:
    """Silence Lightning's advertising and warnings that a user cannot act on; only the first process logs."""
    log.setLevel(log.level if is_first_process() else logging.WARNING)
    for name in ("pytorch_lightning", "lightning.pytorch", "lightning_fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    for message in _IGNORED_WARNINGS:
        warnings.filterwarnings("ignore", message=message)
