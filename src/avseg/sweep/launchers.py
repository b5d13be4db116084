"""Check that a Hydra launcher can run the jobs, and read the outcomes of jobs that another launcher than ours ran."""

from collections.abc import Mapping, Sequence
from typing import Any

from avseg.config.schema import TrainerConfig
from avseg.runs.lock import last_end, log_file
from avseg.sweep.jobs import Job
from avseg.sweep.scheduler import Outcome
from avseg.sweep.state import state_of
from avseg.utils.errors import UserError


def refuse_launcher(settings: Mapping[str, Any], jobs: Sequence[Job]) -> None:
    """Raise `UserError` if a launcher cannot run jobs of several processes, before any of them starts.

    Lightning starts the further processes of a job by repeating the program's command line. Under a launcher that runs
    jobs inside its own processes that is the command line of the whole sweep, or of the launcher's worker.
    """
    name = settings["name"]
    launcher = settings["launcher"]
    for job in jobs:
        if is_slurm(settings):
            _check_tasks(name, launcher, job)
        elif job.trainer.num_nodes != 1:
            raise UserError(f"trainer.num_nodes={job.trainer.num_nodes} needs hydra/launcher=slurm; {name} has one")
        elif name != "isolated" and _has_several_processes(job.trainer):
            raise UserError(
                f"hydra/launcher={name} cannot run jobs of several processes (trainer.devices="
                f"{job.trainer.devices}): Lightning would start each further one with the command line of the "
                "sweep; leave hydra/launcher out, or set trainer.devices=1"
            )
        elif launcher.get("tasks_per_node", 1) != 1 or launcher.get("nodes", 1) != 1:
            raise UserError(f"hydra/launcher={name}: tasks_per_node and nodes must be 1; several train the same run")


def is_slurm(settings: Mapping[str, Any]) -> bool:
    """True if SLURM starts the processes of a job."""
    target: str = settings["launcher"]["_target_"]
    return target.endswith(".SlurmLauncher")


def outcomes_of(jobs: Sequence[Job]) -> list[Outcome]:
    """Read the outcomes of jobs from their run directories."""
    outcomes = []
    for job in jobs:
        end = last_end(job.run)  # None for a complete run, and for one that was never started
        exit_code = end.exit_code if end else None
        error = end.error if end else ""
        outcomes.append(Outcome(job, state_of(job.run), exit_code, log_file(job.run), error))
    return outcomes


def _check_tasks(name: str, launcher: Mapping[str, Any], job: Job) -> None:
    """Check that SLURM starts as many tasks as Lightning expects, because Lightning uses them as its processes."""
    for key, setting in (("devices", "tasks_per_node"), ("num_nodes", "nodes")):
        expected = getattr(job.trainer, key)
        tasks = launcher.get(setting)
        if str(expected) != str(tasks) or not str(expected).isdigit():
            raise UserError(
                f"{job.name}: trainer.{key}={expected} and hydra.launcher.{setting}={tasks} must be the same number: "
                f"hydra/launcher={name} starts a task per process"
            )


def _has_several_processes(trainer: TrainerConfig) -> bool:
    """True for several devices and for all devices, whatever their number is here."""
    devices = trainer.devices
    if isinstance(devices, tuple):  # indices of devices
        return len(devices) > 1
    uses_all = devices in (-1, "-1") or (devices == "auto" and trainer.accelerator != "cpu")
    return uses_all or (str(devices).isdigit() and int(devices) > 1) or "," in str(devices)
