"""Whether this machine has the devices that a run asks for, and whether its processes can share the batch."""

from typing import Any

import torch

from avseg.utils.errors import UserError


def check_devices(trainer: dict[str, Any]) -> None:
    """Refuses a GPU that is not there, before Lightning does so in its own words.

    Args:
        trainer: the configuration of the trainer.

    Raises:
        UserError: there is no GPU, or there are fewer than `trainer.devices`.
    """
    if trainer.get("accelerator") not in ("gpu", "cuda") or torch.backends.mps.is_available():
        return
    there, asked = torch.cuda.device_count(), trainer.get("devices", "auto")
    if not there:
        raise UserError(
            f"trainer.accelerator={trainer['accelerator']}: this machine shows no GPU; "
            "use trainer=cpu, or trainer=ddp_cpu for two processes on the CPU"
        )
    numbers = asked if isinstance(asked, list) else [int(asked) - 1] if str(asked).isdigit() else []
    if any(number >= there for number in numbers):
        raise UserError(
            f"trainer.devices={asked}: this machine shows {there} GPU{'s' if there > 1 else ''}, numbered from 0; "
            "ask for fewer, or leave trainer.devices out"
        )


def check_processes(config: dict[str, Any], processes: int) -> None:
    """Refuses what several processes cannot compute as one does; asked by the first one, before it starts the others.

    Args:
        config: the resolved training configuration.
        processes: how many there are.

    Raises:
        UserError: a batch that they cannot share evenly, or L_AVM with the nearest sound of the whole batch.
    """
    size, loss = config["data"]["batch_size"], config["loss"]
    if size % processes:
        low = size // processes * processes
        near = f"{low} or {low + processes}" if low else str(processes)
        raise UserError(
            f"data.batch_size={size} is for all processes together and cannot be shared by {processes}; "
            f"take a multiple of {processes}, such as {near}"
        )
    if processes > 1 and loss["mapping_weight"] and loss["mapping_pairing"] == "closest":
        raise UserError(
            "loss.mapping_pairing=closest looks for the nearest sound in the whole batch, of which each process has a "
            "part; train it in one process (trainer=cpu, trainer=gpu), or use loss.mapping_pairing=own"
        )
