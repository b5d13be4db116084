"""The Lightning trainer of a run, and how it is called: quietly, on its share of the cores, with our way to stop."""

import logging
import os
import sys
import warnings
from typing import Any

import pytorch_lightning as pl
import torch
from lightning_utilities.core.rank_zero import rank_zero_only
from pytorch_lightning.callbacks import Callback

from avseg.config.instantiate import instantiate
from avseg.runs import RunDirectory
from avseg.training.callbacks import BestAndLast, ClipPanels, MetricsCsv
from avseg.training.signals import SigtermAsBefore
from avseg.training.wandb_logger import RunLogger, make_logger
from avseg.training.wandb_media import Dashboard
from avseg.utils.errors import UserError

log = logging.getLogger("avseg")


def make_trainer(config: dict[str, Any], run: RunDirectory, monitor: str = "val/miou") -> pl.Trainer:
    """The Lightning trainer of a run: its checkpoints, its csv, its pictures, its logger.

    Args:
        config: the resolved training configuration.
        run: where it writes.
        monitor: the validation score whose best epoch is kept.
    """
    folder = run.best.parent
    each_epoch: dict[str, Any] = {
        "enable_version_counter": False,  # a resumed run overwrites best.ckpt instead of adding best-v1.ckpt
        "save_on_train_epoch_end": True,  # after metrics.csv, so that the csv is never behind the checkpoint
    }
    callbacks: list[Callback] = [
        SigtermAsBefore(),
        MetricsCsv(run.metrics),
        BestAndLast(folder, filename="best", monitor=monitor, mode="max", **each_epoch),
        BestAndLast(folder, filename="last", **each_epoch),  # Lightning's save_last keeps improved epochs only
    ]
    for name, settings in config["callbacks"].items():
        more = {"folder": str(run.pictures)} if settings.get("_target_", "").endswith(ClipPanels.__name__) else {}
        callback = instantiate(settings, **more)
        if not isinstance(callback, Callback):
            raise UserError(f"callbacks.{name} is not a Lightning callback; give a _target_ that is one")
        callbacks.append(callback)
    logger = make_logger(config, run)
    if isinstance(logger, RunLogger) and config["branch"]["name"] == "none":
        callbacks.append(Dashboard(logger, run))
    settings = dict(config["trainer"])
    plugins = ["avseg.training.signals.WholeCheckpoints"]
    if settings.pop("sync_batchnorm", False):  # Lightning's own way loses the activations of timm's norms
        plugins.append("avseg.training.sync_batch_norm.SyncNorm")
    settings["plugins"] = [*(settings.get("plugins") or []), *({"_target_": plugin} for plugin in plugins)]
    trainer: pl.Trainer = instantiate(
        settings,
        callbacks=callbacks,
        logger=logger,
        # the data module makes its own samplers: Lightning's would count some clips twice in evaluation
        use_distributed_sampler=False,
        enable_model_summary=False,
        # a log is no place for a bar that redraws itself; a notebook is
        enable_progress_bar=config["trainer"].get("enable_progress_bar", True)
        and (sys.stdout.isatty() or "ipykernel" in sys.modules),
        default_root_dir=str(run.path),
    )
    return trainer


def call(trainer: pl.Trainer, function: Any, *arguments: Any, **settings: Any) -> Any:
    """Calls a verb of the trainer; Lightning answers Ctrl-C with exit code 1, we with a KeyboardInterrupt."""
    try:
        return function(*arguments, **settings)
    except torch.OutOfMemoryError as error:
        raise UserError(
            "the device has too little memory; lower data.batch_size (evaluate: batch_size) or data.image_size, "
            "or choose trainer.precision=bf16-mixed"
        ) from error
    except SystemExit as error:
        if trainer.interrupted:
            raise KeyboardInterrupt from error
        raise


def share_cores(workers: int) -> None:
    """Leaves a core to each reading process: two busy threads and a reader on two cores take far longer than one.

    `OMP_NUM_THREADS`, when set, wins.
    """
    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(max(1, (os.cpu_count() or 1) - workers))


def first_process() -> bool:
    """Whether this is the one of a run's processes that writes and speaks."""
    return bool(getattr(rank_zero_only, "rank", 0) == 0)


def quiet() -> None:
    """Keeps Lightning from advertising and from warnings that a user cannot act on; of several processes one speaks."""
    log.setLevel(log.level if first_process() else logging.WARNING)
    for name in ("pytorch_lightning", "lightning.pytorch", "lightning_fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    # workers are set by data.num_workers; zero is right for small sets
    warnings.filterwarnings("ignore", message=".*does not have many workers.*")
    warnings.filterwarnings("ignore", message=".*number of training batches.*smaller than the logging interval.*")
    # debug=overfit asks for it
    warnings.filterwarnings("ignore", message="You requested to overfit but enabled .* shuffling")
    # the metrics have gathered over all processes already
    warnings.filterwarnings("ignore", message=".*It is recommended to use .*sync_dist=True.*")
    # resuming on purpose
    warnings.filterwarnings("ignore", message=".*Checkpoint directory .* exists and is not empty.*")
    warnings.filterwarnings("ignore", message=".*isinstance.treespec, LeafSpec.*")
