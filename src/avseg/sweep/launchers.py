"""Which launcher can run which jobs, and what became of jobs that another launcher than ours has run."""

from collections.abc import Sequence
from typing import Any

from avseg.config.schema import TrainerConfig
from avseg.runs.lock import last_end, log_file
from avseg.sweep.jobs import Job
from avseg.sweep.scheduler import Outcome
from avseg.sweep.state import state_of
from avseg.utils.errors import UserError


def refuse_launcher(settings: dict[str, Any], jobs: Sequence[Job]) -> None:
    """Checks that a launcher can run jobs of several processes, before any of them starts.

    Lightning starts the further processes of a job by repeating the program's command line. Under a launcher that runs
    jobs inside its own processes that is the command line of the whole sweep, or of the launcher's worker.

    Args:
        settings: from `avseg.config.multirun.hydra_settings`.
        jobs: the jobs.

    Raises:
        UserError: it cannot, with the reason and what to use.
    """
    name, launcher = settings["name"], settings["launcher"]
    for job in jobs:
        if is_slurm(settings):
            _check_tasks(name, launcher, job)
        elif job.trainer.num_nodes != 1:
            raise UserError(f"trainer.num_nodes={job.trainer.num_nodes} needs hydra/launcher=slurm; {name} has one")
        elif name != "isolated" and _several(job.trainer):
            raise UserError(
                f"hydra/launcher={name} cannot run jobs of several processes (trainer.devices="
                f"{job.trainer.devices}): Lightning would start each further one with the command line of the "
                "sweep; leave hydra/launcher out, or set trainer.devices=1"
            )
        elif launcher.get("tasks_per_node", 1) != 1 or launcher.get("nodes", 1) != 1:
            raise UserError(f"hydra/launcher={name}: tasks_per_node and nodes must be 1; several train the same run")


def is_slurm(settings: dict[str, Any]) -> bool:
    """Whether SLURM starts the processes of a job."""
    target: str = settings["launcher"]["_target_"]
    return target.endswith(".SlurmLauncher")


def outcomes_of(jobs: Sequence[Job]) -> list[Outcome]:
    """The outcomes of jobs by what lies in their run directories."""
    outcomes = []
    for job in jobs:
        end = last_end(job.run)
        exit_code = end.exit_code if end else None
        error = end.error if end else ""
        outcomes.append(Outcome(job, state_of(job.run), exit_code, log_file(job.run), error))
    return outcomes


def _check_tasks(name: str, launcher: dict[str, Any], job: Job) -> None:
    """One task per process: Lightning takes SLURM's tasks for its processes."""
    for key, setting in (("devices", "tasks_per_node"), ("num_nodes", "nodes")):
        asked, given = getattr(job.trainer, key), launcher.get(setting)
        if str(asked) != str(given) or not str(asked).isdigit():
            raise UserError(
                f"{job.name}: trainer.{key}={asked} and hydra.launcher.{setting}={given} must be the same number: "
                f"hydra/launcher={name} starts a task per process"
            )


def _several(trainer: TrainerConfig) -> bool:
    """Also "all devices", whatever their number is here."""
    devices = trainer.devices
    every = devices in (-1, "-1") or (devices == "auto" and trainer.accelerator != "cpu")
    if isinstance(devices, tuple):
        return len(devices) > 1
    return every or (str(devices).isdigit() and int(devices) > 1) or "," in str(devices)
