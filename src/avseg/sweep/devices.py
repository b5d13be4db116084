"""Which devices there are, how many a job needs, and who has which: two jobs never share a GPU."""

import os
from collections.abc import Sequence

from avseg.config.schema import TrainerConfig
from avseg.utils.errors import UserError

# more jobs at once on a CPU slow each other down more than they gain
_MOST_ON_CPU = 4


def found_devices() -> list[str]:
    """The GPUs that this process may use, as CUDA_VISIBLE_DEVICES names them."""
    import torch

    number = torch.cuda.device_count()
    visible = [name.strip() for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if name.strip()]
    return visible[:number] if visible else [str(index) for index in range(number)]


def found_cores() -> int:
    """The processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def on_gpu(trainer: TrainerConfig, gpus: int) -> bool:
    """Whether a trainer would take a GPU on a machine that has `gpus` of them."""
    return trainer.accelerator in ("gpu", "cuda") or (trainer.accelerator == "auto" and gpus > 0)


def processes_of(trainer: TrainerConfig, gpus: int) -> int:
    """How many processes a Lightning trainer starts on one machine.

    Args:
        trainer: its configuration.
        gpus: the number of GPUs of the machine.

    >>> processes_of(TrainerConfig(accelerator="gpu", devices=-1), gpus=4)
    4
    >>> processes_of(TrainerConfig(accelerator="cpu", devices="2"), gpus=4)
    2

    Raises:
        UserError: a value that names certain devices, which are the launcher's to choose.
    """
    devices = trainer.devices
    if devices in ("auto", -1, "-1", None):
        return max(1, gpus) if on_gpu(trainer, gpus) else 1
    try:
        return max(1, int(devices))  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise UserError(
            f"trainer.devices={devices}: in a sweep the launcher chooses the devices; give how many, or -1 for all"
        ) from None


class Pool:
    """Leases devices to jobs and counts how many run at once.

    Args:
        devices: names of GPUs.
        jobs_at_once: at most so many; None: as many as the GPUs allow, on the CPU `min(cores, 4) // processes`.
        cores: processors; None: found.
    """

    def __init__(self, devices: Sequence[str], jobs_at_once: int | None = None, cores: int | None = None) -> None:
        if jobs_at_once is not None and jobs_at_once < 1:
            raise UserError(f"hydra.launcher.jobs_at_once={jobs_at_once} must be at least 1, or null for what fits")
        self.devices = tuple(devices)
        self.jobs_at_once = jobs_at_once
        self.cores = cores or found_cores()
        self._free = list(devices)
        self._running = 0

    def at_once(self, trainer: TrainerConfig) -> int:
        """How many jobs with this trainer run at once.

        Raises:
            UserError: not even one can run here.
        """
        processes = processes_of(trainer, len(self.devices))
        if not on_gpu(trainer, len(self.devices)):
            return self.jobs_at_once or max(1, min(self.cores, _MOST_ON_CPU) // processes)
        if processes > len(self.devices):
            raise UserError(
                f"trainer.devices={trainer.devices}: a job needs {processes} GPUs and {len(self.devices)} "
                "are found; lower it, or choose trainer=cpu"
            )
        fitting = len(self.devices) // processes
        return min(fitting, self.jobs_at_once or fitting)

    def take(self, trainer: TrainerConfig) -> tuple[str, ...] | None:
        """Devices for one more job (none on the CPU); None when it has to wait."""
        processes = processes_of(trainer, len(self.devices))
        needed = processes if on_gpu(trainer, len(self.devices)) else 0
        if self._running >= self.at_once(trainer) or needed > len(self._free):
            return None
        self._running += 1
        lease, self._free = tuple(self._free[:needed]), self._free[needed:]
        return lease

    def give_back(self, lease: tuple[str, ...]) -> None:
        """A job has ended."""
        self._running -= 1
        self._free.extend(lease)
