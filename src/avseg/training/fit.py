"""One training run from a configuration to `result.json`; the same call again continues it, or finds it complete."""

import logging
import time
from contextlib import nullcontext
from typing import Any

import pytorch_lightning as pl
from lightning_utilities.core.rank_zero import rank_zero_only

from avseg.config.branch import COMPOSED
from avseg.config.schema import validate
from avseg.data.avsbench.datamodule import AVSBenchDataModule
from avseg.models.avs.module import AVSTask
from avseg.runs import RunDirectory, manifest, read_json, write_json
from avseg.runs.config_drift import refuse_changed
from avseg.runs.lock import lock
from avseg.training.build import build_any, build_any_data
from avseg.training.evaluate import write_scores
from avseg.training.initialise import initialise, source_checkpoint
from avseg.training.load import load_any, read_checkpoint
from avseg.training.preflight import check_devices, check_processes
from avseg.training.signals import stoppable
from avseg.training.trainer import call, first_process, make_trainer, quiet, share_cores
from avseg.training.wandb_logger import close_loggers, replay_history
from avseg.utils.errors import UserError

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
    from avseg.models.lu_avs.scores import write_video_scores

    return write_video_scores(task, run.path, data.test_split, write=trainer.is_global_zero)


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
