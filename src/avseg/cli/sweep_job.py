"""One job of a sweep, run in the process that a launcher of Hydra chose."""

import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

import torch.distributed as processes
from omegaconf import DictConfig

from avseg.cli.scores_table import show_result
from avseg.config.multirun import job_overrides
from avseg.runs.configure import training_config
from avseg.training.fit import train
from avseg.utils.errors import UserError


def run_here(_: DictConfig) -> None:
    """Run a job in the process that the launcher chose; under SLURM each of its tasks calls this."""
    overrides = job_overrides()
    program = sys.argv[0]
    # the manifest records the plain command of the job
    sys.argv = [program, "train", *overrides]
    try:
        with _isolated_environment():
            show_result(train(training_config(overrides)).path)
    except UserError as error:
        print(f"this job failed: {error}", file=sys.stderr)
    except Exception:  # does not stop the other jobs; the run directory records it
        traceback.print_exc()


@contextmanager
def _isolated_environment() -> Iterator[None]:
    # what a job leaves in the process would make the next one believe that it is a DDP rank
    environment = dict(os.environ)
    try:
        yield
    finally:
        if processes.is_available() and processes.is_initialized():
            processes.destroy_process_group()
        os.environ.clear()
        os.environ.update(environment)
