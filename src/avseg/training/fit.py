"""Train a run from a configuration to `result.json`; the same call again continues it, or finds it complete."""

import logging
import time
from contextlib import nullcontext
from typing import Any

import pytorch_lightning as pl
from lightning_utilities.core.rank_zero import rank_zero_only

from avseg.config.read import plain_config
from avseg.config.schema import TrainConfig
from avseg.models.experiment import ExperimentModule
from avseg.runs import RunDirectory, manifest, read_json, write_json
from avseg.runs.config_drift import refuse_changed
from avseg.runs.lock import lock
from avseg.training.build import DataFacts, build_data, build_model
from avseg.training.evaluate import write_scores
from avseg.training.initialise import initialise, source_checkpoint
from avseg.training.load import load_model, load_parts, read_checkpoint
from avseg.training.preflight import check_devices, check_processes
from avseg.training.signals import stoppable
from avseg.training.trainer import configure_logging, is_first_process, make_trainer, run_trainer, share_cores
from avseg.training.wandb_logger import close_loggers, replay_history
from avseg.utils.errors import UserError

log = logging.getLogger("avseg")


def train(config: TrainConfig) -> RunDirectory:
    """Train, keep the best checkpoint by the validation score, evaluate it with the controls.

    Returns the complete run directory.

    Raises:
        UserError: a mistake in the configuration or in the data; a run directory made from other data or another
            configuration, or one that another process trains now.
        KeyboardInterrupt: stopped by Ctrl-C; the same call continues from the last epoch.
    """
    run = RunDirectory.of(config)
    refuse_changed(run, config)
    if run.complete:
        log.info("complete already: %s", run.path)
        return run
    # the first of several processes locks the run for all of them
    with stoppable(), lock(run) if is_first_process() else nullcontext():
        return _train(config, run)


def _train(config: TrainConfig, run: RunDirectory) -> RunDirectory:
    configure_logging()
    check_devices(config.trainer)
    started = time.monotonic()
    resume = str(run.last) if run.last.is_file() else None
    # fail early if the source checkpoint is missing
    source = None if resume else source_checkpoint(config)
    data = build_data(config)
    share_cores(data.num_workers)
    record = _begin(run, config, data.fingerprint())
    pl.seed_everything(config.seed, workers=True, verbose=False)
    facts = DataFacts(data.setting, tuple(getattr(data, "labels", ())))
    model = _build(config, facts, resumed=resume is not None)
    if initial := initialise(model, config, source):
        record["init"] = initial
    epochs = read_checkpoint(run.last)["epoch"] + 1 if resume else 0
    trainer = make_trainer(config, run, model)
    failed = True
    try:
        check_processes(config, trainer.world_size)
        if resume:
            log.info("continues from %s", resume)
            replay_history(trainer, run, epochs)
        _write_begin(run, config, record)  # a mistake found until here leaves nothing behind
        best = _fit(trainer, model, data, run, resume)
        result = test_run(trainer, best, data, run)
        _finish(run, record, result, started)
        # wait for rank 0 to write result.json; a rank that exits early would be reported as failed
        trainer.strategy.barrier()
        failed = False
    finally:
        close_loggers(trainer, failed=failed)
    return run


def _build(config: TrainConfig, facts: DataFacts, *, resumed: bool) -> ExperimentModule:
    """Build the model; a checkpoint replaces all weights of a resumed run."""
    if config.model.trained:
        return build_model(config, facts, pretrained=not resumed)
    model = build_model(config, facts, parts=load_parts(config))
    model.check_labels(config.data.root, list(facts.labels))  # type: ignore[operator]
    return model


def _fit(trainer: pl.Trainer, model: ExperimentModule, data: Any, run: RunDirectory, resume: str | None) -> Any:
    """Train and load the best checkpoint; a composition of finished runs has nothing to train."""
    if not model.config.trained:
        return model
    run_trainer(trainer, trainer.fit, model, datamodule=data, ckpt_path=resume, weights_only=True)
    return load_model(run.best if run.best.is_file() else run.last)


def test_run(trainer: pl.Trainer, model: ExperimentModule, data: Any, run: RunDirectory) -> dict[str, Any]:
    """Score the best checkpoint on the test split; returns the content of result.json."""
    run_trainer(trainer, trainer.test, model, datamodule=data, verbose=False)
    return write_scores(model, run.path, data, write=trainer.is_global_zero)


@rank_zero_only
def _write_begin(run: RunDirectory, config: TrainConfig, record: dict[str, Any]) -> None:
    run.write_config(plain_config(config))
    write_json(run.manifest, record)


def _begin(run: RunDirectory, config: TrainConfig, fingerprint: str) -> dict[str, Any]:
    """Begin the manifest; a run never continues on other data than it began with."""
    record = manifest.begin(config.seed, fingerprint)
    if run.manifest.is_file():
        previous = read_json(run.manifest)
        if previous.get("data_fingerprint") != fingerprint:
            raise UserError(
                f"{run.path} was begun on other data than is in {config.data.root} now; "
                "give this run another name with experiment=NAME, or delete the old folder"
            )
        record["started"] = previous.get("started", record["started"])
        record["resumed"] = previous.get("resumed", 0) + 1
        if "init" in previous:
            record["init"] = previous["init"]
    return record


@rank_zero_only
def _finish(run: RunDirectory, record: dict[str, Any], result: dict[str, Any], started: float) -> None:
    write_json(run.manifest, manifest.finish(record, time.monotonic() - started))
    write_json(run.result, result)  # last: its presence means complete
