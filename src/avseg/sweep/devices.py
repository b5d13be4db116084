"""Count and lease the devices of this machine: two jobs never share a GPU."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from avseg.config.schema import TrainerConfig
from avseg.utils.errors import UserError
from avseg.utils.processes import usable_cores

# more jobs at a time on a CPU slow each other down more than they gain
_MAX_JOBS_ON_CPU = 4
# device files of NVIDIA's driver, the same under WSL, and AMD's
_GPU_DRIVERS = (Path("/dev/nvidiactl"), Path("/dev/dxg"), Path("/dev/kfd"))


def found_devices() -> list[str]:
    """Return the GPUs that this process may use, named as in CUDA_VISIBLE_DEVICES."""
    count = _count_gpus()
    names = os.environ.get("CUDA_VISIBLE_DEVICES", "").replace(",", " ").split()
    return names[:count] if names else list(map(str, range(count)))


def _count_gpus() -> int:
    # importing torch takes seconds and is of no use where Linux has no driver of a GPU
    if sys.platform == "linux" and not any(map(Path.exists, _GPU_DRIVERS)):
        return 0
    import torch

    return torch.cuda.device_count()


def on_gpu(trainer: TrainerConfig, gpus: int) -> bool:
    """True if a trainer uses a GPU on a machine that has `gpus` of them."""
    return trainer.accelerator in ("gpu", "cuda") or (trainer.accelerator == "auto" and gpus > 0)


def processes_of(trainer: TrainerConfig, gpus: int) -> int:
    """Return the number of processes that a Lightning trainer starts on a machine with `gpus` GPUs.

    Values that name certain devices are a `UserError`, since the launcher must choose.

    >>> processes_of(TrainerConfig(accelerator="gpu", devices=-1), gpus=4)
    4
    >>> processes_of(TrainerConfig(accelerator="cpu", devices="2"), gpus=4)
    2
    """
    devices = trainer.devices
    # Lightning's spellings of "all devices"; on a CPU they mean one process
    if devices in ("auto", -1, "-1", None):
        return max(1, gpus) if on_gpu(trainer, gpus) else 1
    try:
        return max(1, int(devices))  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise UserError(
            f"trainer.devices={devices}: in a sweep the launcher chooses the devices; give a number, or -1 for all"
        ) from None


class Pool:
    """Leases devices to jobs and limits the number of jobs at a time.

    By default as many run as the GPUs allow, or on the CPU `min(cores, 4) // processes`.
    """

    def __init__(self, devices: Sequence[str], jobs_at_once: int | None = None, cores: int | None = None) -> None:
        if jobs_at_once is not None and jobs_at_once < 1:
            raise UserError(f"hydra.launcher.jobs_at_once={jobs_at_once} must be at least 1, or null for what fits")
        self.devices = tuple(devices)
        self.jobs_at_once = jobs_at_once
        self.cores = cores or usable_cores()
        self._free = list(devices)  # not leased
        self._running = 0

    def at_once(self, trainer: TrainerConfig) -> int:
        """Return the number of jobs with this trainer that run at a time; a `UserError` if not even one can."""
        processes = processes_of(trainer, len(self.devices))
        if not on_gpu(trainer, len(self.devices)):
            return self.jobs_at_once or max(1, min(self.cores, _MAX_JOBS_ON_CPU) // processes)
        if processes > len(self.devices):
            raise UserError(
                f"trainer.devices={trainer.devices}: a job needs {processes} GPUs and {len(self.devices)} "
                "are found; lower it, or choose trainer=cpu"
            )
        fitting = len(self.devices) // processes
        return min(fitting, self.jobs_at_once or fitting)

    def take(self, trainer: TrainerConfig) -> tuple[str, ...] | None:
        """Lease devices for one more job (none on the CPU); None if it has to wait."""
        needed = processes_of(trainer, len(self.devices)) if on_gpu(trainer, len(self.devices)) else 0
        if self._running >= self.at_once(trainer) or needed > len(self._free):
            return None
        self._running += 1
        lease = tuple(self._free[:needed])
        del self._free[:needed]
        return lease

    def give_back(self, lease: tuple[str, ...]) -> None:
        """End a lease."""
        self._running -= 1
        self._free.extend(lease)
