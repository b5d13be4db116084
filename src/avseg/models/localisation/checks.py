"""Checks of options that LVS and MSSL share; imports no torch."""

from avseg.config.schema import TrainConfig
from avseg.utils.errors import UserError


def check_binary(config: TrainConfig) -> None:
    """Refuse data with classes of objects."""
    if config.data.setting == "avss":
        raise UserError(
            f"data={config.data.name}: model={config.model.name} localises a sound without naming it; "
            "use a data set of sounding or not, such as avsbench_s4"
        )


def refuse_processes(name: str) -> None:
    """Refuse several training processes: each would see the negative pairs of its own share only."""
    raise UserError(
        f"model={name} compares each clip with all others of the batch, of which each process has a share; "
        "train it in one process: trainer.devices=1"
    )
