"""One training run from a configuration to `result.json`; the same call again continues it, or finds it complete."""

import logging
import os
import sys
import time
import warnings
from contextlib import nullcontext
from typing import Any

import pytorch_lightning as pl
import torch
from lightning_utilities.core.rank_zero import rank_zero_only
from pytorch_lightning.callbacks import Callback

from avseg.config.branch import COMPOSED
from avseg.config.instantiate import instantiate
from avseg.config.schema import validate
from avseg.data.datamodule import AVSBenchDataModule
from avseg.errors import UserError
from avseg.runs import RunDirectory, manifest, read_json, write_json
from avseg.runs.changed import refuse_changed
from avseg.runs.lock import lock
from avseg.tasks.avs import AVSTask
from avseg.tasks.build import build_any, build_any_data
from avseg.tasks.callbacks import BestAndLast, ClipPanels, MetricsCsv
from avseg.tasks.dashboard import Dashboard
from avseg.tasks.devices import check_devices, check_processes
from avseg.tasks.evaluate import write_scores
from avseg.tasks.initialise import initialise, source_checkpoint
from avseg.tasks.load import load_any, read_checkpoint
from avseg.tasks.stop import SigtermAsBefore, stoppable
from avseg.tasks.tracking import RunLogger, close_loggers, make_logger, replay_history

log = logging.getLogger("avseg")


def train(config: dict[str, Any]) -> RunDirectory:
    """Trains, keeps the best checkpoint by validation mIoU, evaluates it with the controls.

    Args:
        config: a resolved training configuration (`avseg.runs.configure.training_config`).

    Returns:
        The complete run directory.

    Raises:
        UserError: a mistake in the configuration or in the data, a run directory made from other data or another
            configuration, or one that another process trains now.
        KeyboardInterrupt: stopped by Ctrl-C; the same call continues from the last epoch.
    """
    validate(config)
    run = RunDirectory.of(config)
    refuse_changed(run, config)
    if run.complete:
        log.info("complete already: %s", run.path)
        return run
    # of several processes the first one holds the run for all of them
    with stoppable(), lock(run) if first_process() else nullcontext():
        return _train(config, run)


def _train(config: dict[str, Any], run: RunDirectory) -> RunDirectory:
    quiet()
    check_devices(config["trainer"])
    started = time.monotonic()
    resume = str(run.last) if run.last.is_file() else None
    source = None if resume else source_checkpoint(config)  # what is missing is told before anything is read
    data = build_any_data(config)
    share_cores(data.num_workers)
    record = _begin(run, config, data)
    pl.seed_everything(config["seed"], workers=True, verbose=False)
    # a checkpoint replaces all weights
    task = build_any(config, getattr(data, "labels", []), pretrained=resume is None)
    if isinstance(task, AVSTask) and (begun_from := initialise(task, config, source)):
        record["init"] = begun_from
    epochs = read_checkpoint(run.last)["epoch"] + 1 if resume else 0  # a damaged one is told in one line
    trainer = make_trainer(config, run, task.monitor)
    failed = True
    try:
        check_processes(config, trainer.world_size)
        if resume:
            log.info("continues from %s", resume)
            replay_history(trainer, run, epochs)
        _write_begin(run, config, record)  # a mistake found until here leaves nothing behind
        if config["branch"]["name"] in COMPOSED:
            best: Any = task  # of finished parts: nothing to train
        else:
            call(trainer, trainer.fit, task, datamodule=data, ckpt_path=resume, weights_only=True)
            best = load_any(run.best if run.best.is_file() else run.last)
        result = evaluate(trainer, best, data, run)
        _finish(run, record, result, started)
        trainer.strategy.barrier()  # no process leaves, and none is taken for failed, before the result lies there
        failed = False
    finally:
        close_loggers(trainer, failed=failed)
    return run


def evaluate(trainer: pl.Trainer, task: Any, data: Any, run: RunDirectory) -> dict[str, Any]:
    """Scores the best checkpoint on the test split."""
    call(trainer, trainer.test, task, datamodule=data, verbose=False)
    if isinstance(data, AVSBenchDataModule):
        return write_scores(task, run.path, data, picture=trainer.is_global_zero)
    from avseg.tasks.long.score import write_video_scores

    return write_video_scores(task, run.path, data.test_split, write=trainer.is_global_zero)


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
    plugins = ["avseg.tasks.stop.WholeCheckpoints"]
    if settings.pop("sync_batchnorm", False):  # Lightning's own way loses the activations of timm's norms
        plugins.append("avseg.tasks.sync_norm.SyncNorm")
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


@rank_zero_only
def _write_begin(run: RunDirectory, config: dict[str, Any], record: dict[str, Any]) -> None:
    run.write_config(config)
    write_json(run.manifest, record)


def _begin(run: RunDirectory, config: dict[str, Any], data: Any) -> dict[str, Any]:
    """The manifest so far; a run never continues on other data than it began with."""
    fingerprint = data.fingerprint()
    record = manifest.begin(config, fingerprint)
    if run.manifest.is_file():
        before = read_json(run.manifest)
        if before.get("data_fingerprint") != fingerprint:
            raise UserError(
                f"{run.path} was begun on other data than now lie in {config['data']['root']}; "
                "give this run another name with experiment=NAME, or delete the old folder"
            )
        record["started"] = before.get("started", record["started"])
        record["resumed"] = before.get("resumed", 0) + 1
        record |= {"init": before["init"]} if "init" in before else {}
    return record


@rank_zero_only
def _finish(run: RunDirectory, record: dict[str, Any], result: dict[str, Any], started: float) -> None:
    write_json(run.manifest, manifest.finish(record, time.monotonic() - started))
    write_json(run.result, result)  # last: its presence means complete


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
