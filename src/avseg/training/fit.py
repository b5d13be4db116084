"""Train a run from a configuration to `result.json`; the same call again continues it, or finds it complete."""

import logging
import time
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from lightning_utilities.core.rank_zero import rank_zero_only

from avseg.config.read import plain_config
from avseg.config.schema import Plain, TrainConfig
from avseg.models.experiment import ExperimentModule
from avseg.runs import RunDirectory, manifest, read_json, write_json
from avseg.runs.archive import archive
from avseg.runs.config_drift import refuse_changed
from avseg.runs.inputs import (
    Inputs,
    record_inputs,
    refuse_changed_inputs,
    refuse_other_source,
    weights_table,
    write_inputs,
)
from avseg.runs.lock import lock
from avseg.training.build import DataFacts, build_data, build_model, source_run
from avseg.training.evaluate import write_scores
from avseg.training.initialise import initialise, source_checkpoint
from avseg.training.load import load_model, load_parts, read_checkpoint, saved_parts
from avseg.training.preflight import check_devices, check_processes
from avseg.training.signals import stoppable
from avseg.training.trainer import configure_logging, is_first_process, make_trainer, run_trainer, share_cores
from avseg.training.wandb_logger import close_loggers, replay_history
from avseg.utils.errors import UserError
from avseg.utils.used_files import recorded_files

log = logging.getLogger("avseg")


def train(config: TrainConfig, *, rerun: bool = False, verify: bool = False) -> RunDirectory:
    """Train, keep the best checkpoint by the validation score, evaluate it with the controls.

    Returns the complete run directory. `rerun` archives what exists of the run and trains from the beginning; `verify`
    reads every input file of a run that was begun, instead of those whose size or time has changed.

    Raises:
        UserError: a mistake in the configuration or in the data; a run directory made from other data, weights or
            plugins, or from another configuration, or one that another process trains now.
        KeyboardInterrupt: stopped by Ctrl-C; the same call continues from the last epoch.
    """
    run = RunDirectory.of(config)
    if not rerun:
        refuse_changed(run, config)
        refuse_changed_inputs(run, config, fully=verify)
    if run.complete and not rerun:
        if is_first_process() and not run.inputs.is_file():
            _refuse_other_sizes(run, config, build_data(config).fingerprint())
        log.info("complete already: %s", run.path)
        return run
    # the first of several processes locks the run for all of them
    with stoppable(), lock(run) if is_first_process() else nullcontext():
        return _train(config, run, resume=run.last.is_file() and not rerun, rerun=rerun)


def _train(config: TrainConfig, run: RunDirectory, *, resume: bool, rerun: bool) -> RunDirectory:
    configure_logging()
    check_devices(config.trainer)
    started = time.monotonic()
    # fail early if the source checkpoint is missing
    source = None if resume else source_checkpoint(config)
    with recorded_files() as weights:
        data = build_data(config)
        share_cores(data.num_workers)
        record = _begin(run, config, data.fingerprint(), rerun=rerun)
        inputs: Inputs | None = None
        if is_first_process() and (rerun or not run.inputs.is_file()):
            # before anything is read, so that a file written meanwhile is noticed
            inputs = record_inputs(config, data, ())
        pl.seed_everything(config.seed, workers=True, verbose=False)
        facts = DataFacts(data.setting, tuple(getattr(data, "labels", ())))
        model = _build(config, facts, run if resume else None)
        if initial := initialise(model, config, source):
            record["init"] = initial
        if model.config.trained:
            model.prepare_fit()
    if inputs is not None:
        inputs = replace(inputs, weights=weights_table(weights))
    epochs = read_checkpoint(run.last)["epoch"] + 1 if resume else 0
    trainer = make_trainer(config, run, model)
    failed = True
    try:
        check_processes(config, trainer.world_size)
        if resume:
            log.info("continues from %s", run.last)
            replay_history(trainer, run, epochs)
        if rerun and is_first_process():
            archive(run)
        _write_begin(run, config, record, inputs)  # a mistake found until here leaves nothing behind
        best = _fit(trainer, model, data, run, str(run.last) if resume else None)
        result = test_run(trainer, best, data, run)
        _finish(run, record, result, started)
        # wait for rank 0 to write result.json; a rank that exits early would be reported as failed
        trainer.strategy.barrier()
        failed = False
    finally:
        close_loggers(trainer, failed=failed)
    return run


def _build(config: TrainConfig, facts: DataFacts, resumed: RunDirectory | None) -> ExperimentModule:
    """Build the model; the last checkpoint replaces all weights of a run that is resumed."""
    if resumed is not None:
        parts = saved_parts(read_checkpoint(resumed.last)["avseg"])
        return build_model(config, facts, pretrained=False, parts=parts)
    if config.model.trained:
        return build_model(config, facts, parts=load_parts(config))
    outputs = [Path(config.paths.outputs).expanduser()]
    for role in config.model.sources():
        refuse_other_source(RunDirectory(source_run(config, role, outputs)), config)
    model = build_model(config, facts, parts=load_parts(config))
    model.check_labels(config.data.root, list(facts.labels))  # type: ignore[operator]
    return model


def _fit(trainer: pl.Trainer, model: ExperimentModule, data: Any, run: RunDirectory, resume: str | None) -> Any:
    """Train and load the best checkpoint; a composition of finished runs has nothing to train."""
    if not model.config.trained:
        return model
    run_trainer(trainer, trainer.fit, model, datamodule=data, ckpt_path=resume, weights_only=True)
    return load_model(run.best if run.best.is_file() else run.last)


def test_run(trainer: pl.Trainer, model: ExperimentModule, data: Any, run: RunDirectory) -> dict[str, Plain]:
    """Score the best checkpoint on the test split; returns the content of result.json."""
    run_trainer(trainer, trainer.test, model, datamodule=data, verbose=False)
    return write_scores(model, run.path, data, write=trainer.is_global_zero)


@rank_zero_only
def _write_begin(run: RunDirectory, config: TrainConfig, record: dict[str, Plain], inputs: Inputs | None) -> None:
    if inputs is not None:
        write_inputs(run, inputs)
    run.write_config(plain_config(config))
    write_json(run.manifest, record)


def _begin(run: RunDirectory, config: TrainConfig, fingerprint: str, *, rerun: bool) -> dict[str, Plain]:
    """Begin the manifest; a run of an earlier version, which has no record of its inputs, is compared by it."""
    record = manifest.begin(config.seed, fingerprint)
    if run.manifest.is_file() and not rerun:
        previous = read_json(run.manifest)
        if not run.inputs.is_file():
            _refuse_other_sizes(run, config, fingerprint)
        record["started"] = previous.get("started", record["started"])
        record["resumed"] = previous.get("resumed", 0) + 1
        if "init" in previous:
            record["init"] = previous["init"]
    return record


def _refuse_other_sizes(run: RunDirectory, config: TrainConfig, fingerprint: str) -> None:
    """Compare names and sizes of the data files with the manifest of a run of an earlier version."""
    if run.manifest.is_file() and read_json(run.manifest).get("data_fingerprint") != fingerprint:
        raise UserError(
            f"{run.path} was begun on other data than is in {config.data.root} now; give the new run another name with "
            "experiment=NAME, or archive the old one and train again with --rerun"
        )


@rank_zero_only
def _finish(run: RunDirectory, record: dict[str, Plain], result: dict[str, Plain], started: float) -> None:
    write_json(run.manifest, manifest.finish(record, time.monotonic() - started))
    write_json(run.result, result)  # last: its presence means complete
