"""Check before training that this machine has the devices a run asks for, and that its processes can share a batch."""

import torch

from avseg.config.schema import TrainConfig, TrainerConfig
from avseg.utils.errors import UserError


def check_devices(trainer: TrainerConfig) -> None:
    """Raise `UserError` for a GPU that does not exist, before Lightning does so with a longer message."""
    if trainer.accelerator not in ("gpu", "cuda") or torch.backends.mps.is_available():
        return
    count = torch.cuda.device_count()
    devices = trainer.devices
    if not count:
        raise UserError(
            f"trainer.accelerator={trainer.accelerator}: this machine shows no GPU; "
            "use trainer=cpu, or trainer=ddp_cpu for two processes on the CPU"
        )
    highest = 0  # "auto" and -1 take all of them
    if isinstance(devices, tuple):
        highest = max(devices, default=0)
    elif str(devices).isdigit():
        highest = int(devices) - 1
    if highest >= count:
        raise UserError(
            f"trainer.devices={devices}: this machine shows {count} GPU{'s' if count > 1 else ''}, numbered from 0; "
            "ask for fewer, or leave trainer.devices out"
        )


def check_processes(config: TrainConfig, processes: int) -> None:
    """Raise `UserError` for a batch or a loss that these processes cannot share, before the first starts the others."""
    size = config.data.batch_size
    if size % processes:
        low = size // processes * processes
        multiples = f"{low} or {low + processes}" if low else str(processes)
        raise UserError(
            f"data.batch_size={size} is for all processes together and cannot be shared by {processes}; "
            f"take a multiple of {processes}, such as {multiples}"
        )
    if processes > 1:
        config.model.check_processes()
