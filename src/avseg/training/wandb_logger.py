"""Log one wandb run per job, whose history is metrics.csv with the epoch as step."""

import logging
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from lightning_fabric.loggers.logger import rank_zero_experiment
from lightning_utilities.core.rank_zero import rank_zero_only

from avseg.config.schema import LoggerConfig, TrainConfig
from avseg.metrics.registry import METRICS, registered_metrics
from avseg.runs import RunDirectory, run_id
from avseg.runs.identity import science
from avseg.utils.csv_files import read_rows
from avseg.utils.errors import UserError

log = logging.getLogger("avseg")

MOST_IMAGES = 49  # in one step; wandb's advice
_STAGING = "WANDB_DATA_DIR"


class RunLogger(pl.loggers.WandbLogger):
    """Lightning's wandb logger with the epoch as step: one row of the history per epoch, test scores in the summary.

    Only the first process opens the run (`experiment` is a dummy elsewhere). Once it is open, an error of wandb costs
    the dashboard and never the training.
    """

    def __init__(self, settings: LoggerConfig, **options: Any) -> None:
        super().__init__(project=settings.project, offline=settings.offline, entity=settings.entity, **options)
        self.settings = settings
        for name in ("clips", "every_n_epochs", "table", "videos"):
            low, high = (1, 10**6) if name == "every_n_epochs" else (0, MOST_IMAGES)
            if not low <= getattr(settings, name) <= high:
                raise UserError(f"logger.{name}={getattr(settings, name)} must be between {low} and {high}")
        self._warned = False

    @property
    @rank_zero_experiment
    def experiment(self) -> Any:
        """The wandb run; opened by the first call."""
        if self._experiment is None:
            self._experiment = self._open()
        return self._experiment

    def _open(self) -> Any:
        import wandb

        settings = {key: value for key, value in self._wandb_init.items() if value is not None}
        online = not self._offline and wandb.setup().settings.mode == "online"
        if online and not wandb.login(prompt=False, verify=False):  # nobody can answer a prompt in a sweep
            raise wandb.errors.UsageError("no login, `wandb login` makes one")
        Path(self._save_dir or ".").mkdir(parents=True, exist_ok=True)  # wandb warns of a folder that is missing
        run = wandb.init(
            mode="offline" if self._offline else None,
            reinit="create_new",  # a second run in the same process never writes into the first one's curve
            settings=wandb.Settings(silent=True),
            **settings,
        )
        run.define_metric("epoch", hidden=True)
        run.define_metric("*", step_metric="epoch", step_sync=False)
        for info in (METRICS["miou"], *registered_metrics()):
            best = "max" if info.higher_is_better else "min"
            run.define_metric(f"val/{info.key}", step_metric="epoch", step_sync=False, summary=best)
        # an offline run cannot be continued, only written again: the folder of a killed attempt goes
        for folder in Path(self._save_dir or ".", "wandb").glob("offline-run-*"):
            if folder.resolve() != Path(run.dir).parent.resolve():
                shutil.rmtree(folder, ignore_errors=True)
        log.info("wandb: %s", run.url if online else Path(run.dir).parent)
        return run

    @contextmanager
    def safely(self) -> Iterator[None]:
        """Turn an error of the dashboard into a warning, the first time."""
        try:
            yield
        except Exception as error:  # the network, the disk, the service: the training is worth more
            if not self._warned:
                log.warning("wandb fails (%s); the run continues, and metrics.csv has all of it", error)
            self._warned = True

    @contextmanager
    def staging(self) -> Iterator[None]:
        """Keep a table's files in the run's folder until they are uploaded; wandb would use the home folder."""
        if _STAGING in os.environ:
            yield
            return
        os.environ[_STAGING] = str(Path(self.experiment.dir).parent)
        try:
            yield
        finally:
            del os.environ[_STAGING]

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, Any], step: int | None = None) -> None:
        """Log rows of epochs and test scores; a value without an epoch joins the current one."""
        values: dict[str, Any] = dict(metrics)
        epoch = values.pop("epoch", None)
        test = {name: value for name, value in values.items() if name.startswith("test/")}
        with self.safely():
            if test:
                self.experiment.summary.update(test)
            elif epoch is None:
                self.experiment.log(values, commit=False)
            else:
                self.log_epoch(int(epoch), values)

    @rank_zero_only
    def log_epoch(self, epoch: int, values: dict[str, Any]) -> None:
        """Add to the row of an epoch, unless the run has a complete one (a resumed online run)."""
        with self.safely():
            if epoch >= self.experiment.step:
                # Lightning reports the training losses last: the row is complete, and shows at once
                self.experiment.log({"epoch": epoch, **values}, step=epoch, commit="train/loss" in values)

    @rank_zero_only
    def replay(self, run: RunDirectory, epochs: int) -> None:
        """Write again what the dashboard lacks of the `epochs` before a resumption: metrics.csv and its panels."""
        for row in read_rows(run.metrics):
            epoch = int(row.pop("epoch"))
            values = {name: float(value) for name, value in row.items() if value and name != "step"}
            if epoch < epochs:
                self.log_epoch(epoch, values | panels(run, epoch))


def panels(run: RunDirectory, epoch: int) -> dict[str, Any]:
    """Return the panel of an epoch's validation clips as an image of the dashboard, if it exists."""
    import wandb

    path = run.pictures / f"epoch={epoch:03d}.png"
    return {"val/panels": wandb.Image(str(path))} if path.is_file() else {}


def columns(config: TrainConfig) -> dict[str, Any]:
    """Return the columns that the dashboard sorts and groups runs by, flat, and the science, nested."""
    flat: dict[str, Any] = {"data": config.data.name, "model": config.model.name}
    if config.backbone is not None:
        flat["backbone"] = config.backbone.name
    if config.fusion is not None:
        fusion = config.model.label(config).removesuffix(f"-{config.init.name}")
        flat["fusion"] = fusion.removeprefix(f"{flat.get('backbone')}-")
    flat |= {"init": config.init.name, "seed": config.seed, "experiment": config.experiment}
    return flat | {"science": science(config)}


def make_logger(config: TrainConfig, run: RunDirectory) -> Any:
    """Make the wandb logger (`UserError` if it cannot start), or return False: metrics.csv is always written."""
    settings = config.logger
    if settings is None:
        return False
    name = run_id(config)
    logger = RunLogger(
        settings,
        # deterministic: a resumed run continues its curve instead of opening a second one. With the experiment in it,
        # since two experiments may hold runs of the same science, each with a directory of its own
        id=f"{config.experiment}-{name}".replace("/", "-"),
        name=name,
        group=config.experiment,
        job_type="train",
        tags=[config.data.name, config.experiment],
        save_dir=str(run.path),
        resume="allow",
        **settings.options,
    )
    try:
        logger.log_hyperparams(columns(config))  # Lightning: on the first process alone
    except Exception as error:  # of many types: no login, no network, no space; it shows when the run is opened
        reason = " ".join(str(error).split())
        raise UserError(f"wandb cannot start ({reason}); use logger=wandb_offline, or logger=csv for none") from error
    return logger


def replay_history(trainer: pl.Trainer, run: RunDirectory, epochs: int) -> None:
    """Log again what the dashboard lost when the run was killed, see `RunLogger.replay`."""
    for logger in trainer.loggers:
        if isinstance(logger, RunLogger):
            logger.replay(run, epochs)


def close_loggers(trainer: pl.Trainer, *, failed: bool = False) -> None:
    """End the run in the dashboard, which shows it as failed if it has."""
    for logger in trainer.loggers:
        if isinstance(logger, RunLogger):
            with logger.safely():
                logger.experiment.finish(exit_code=int(failed))
