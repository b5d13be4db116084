"""The dashboard's side of a run: one wandb run per job, with the run's own id."""

from typing import Any

import pytorch_lightning as pl
import wandb

from avseg.config.instantiate import instantiate
from avseg.errors import UserError
from avseg.runs import RunDirectory, run_id
from avseg.runs.identity import science


def make_logger(config: dict[str, Any], run: RunDirectory) -> Any:
    """The wandb logger, or False: metrics.csv is written always."""
    if not config["logger"]:
        return False
    name = run_id(config)
    # a deterministic id: a resumed run continues its curve instead of opening a second one
    logger = instantiate(
        config["logger"],
        id=name,
        name=name,
        group=config["experiment"],
        save_dir=str(run.path),
        resume="allow",
        reinit="create_new",  # a second run in the same process never writes into the first one's curve
    )
    try:
        logger.log_hyperparams(science(config) | {"seed": config["seed"]})  # Lightning: on the first process alone
    except wandb.Error as error:  # no login, no network: it shows when the dashboard's run is opened
        reason = " ".join(str(error).split())
        raise UserError(f"wandb cannot start ({reason}); use logger=wandb_offline, or logger=csv for none") from error
    return logger


def close_loggers(trainer: pl.Trainer) -> None:
    """Ends the run in the dashboard, also after an error."""
    for logger in trainer.loggers:
        if isinstance(logger, pl.loggers.WandbLogger):
            logger.experiment.finish()
