"""Jobs whose processes are shell lines, which end in milliseconds."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from avseg.runs.configure import training_config
from avseg.sweep import Job

_CONFIG = training_config(["data=toy_ms3", "backbone=tiny", "audio=mel", "trainer=cpu"])
COMPLETE = "mkdir -p {run} && echo '{{}}' > {run}/result.json"


def job(outputs: Path, seed: int, needs: str | None = None, command: str | None = None, **trainer: Any) -> Job:
    """A job named by its seed; it may need a run, which `command` makes."""
    config = replace(
        _CONFIG,
        seed=seed,
        paths=replace(_CONFIG.paths, outputs=str(outputs)),
        init=replace(_CONFIG.init, run=needs, command=command),
        trainer=replace(_CONFIG.trainer, **trainer),
    )
    return Job((f"seed={seed}",), config, f"seed={seed}")


def shell(line: str | Callable[[Job], str]) -> Callable[[Job], list[str]]:
    """The command of every job: a shell line in which `{run}`, `{outputs}` and `{seed}` are filled in."""

    def command(job: Job) -> list[str]:
        text = line if isinstance(line, str) else line(job)
        names = {"run": job.run.path, "outputs": job.config.paths.outputs, "seed": job.config.seed}
        return ["sh", "-c", text.format(**names)]

    return command
