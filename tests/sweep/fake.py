"""Jobs whose processes are shell lines: they end in milliseconds, and do what a test needs."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

from avseg.runs.configure import training_config
from avseg.sweep import Job

_CONFIG = training_config(["data=toy_ms3", "backbone=tiny", "audio=mel", "trainer=cpu"])
COMPLETE = "mkdir -p {run} && echo '{{}}' > {run}/result.json"


def job(outputs: Path, seed: int, needs: str | None = None, **trainer: Any) -> Job:
    """A job named by its seed."""
    config = copy.deepcopy(_CONFIG)
    config["seed"] = seed
    config["paths"]["outputs"] = str(outputs)
    config["init"]["run"] = needs
    config["trainer"] |= trainer
    return Job((f"seed={seed}",), config, f"seed={seed}")


def shell(line: str | Callable[[Job], str]) -> Callable[[Job], list[str]]:
    """The command of every job: a shell line in which `{run}`, `{outputs}` and `{seed}` are filled in."""

    def command(job: Job) -> list[str]:
        text = line if isinstance(line, str) else line(job)
        names = {"run": job.run.path, "outputs": job.config["paths"]["outputs"], "seed": job.config["seed"]}
        return ["sh", "-c", text.format(**names)]

    return command
