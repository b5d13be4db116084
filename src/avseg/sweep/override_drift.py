"""What a sweep remembers: which configuration its words meant. The same words never come to mean another one silently.

`outputs/<experiment>/sweep.json` maps the scientific words of each job to the folder of its run.
"""

from collections.abc import Sequence
from pathlib import Path

from avseg.runs import read_json, write_json
from avseg.runs.config_drift import first_change
from avseg.runs.identity import DATA_INFRASTRUCTURE, TRAINER_INFRASTRUCTURE
from avseg.sweep.jobs import Job
from avseg.utils.errors import UserError

# words that say where and how, not what; `trainer=` itself chooses the precision, and stays
_GROUPS = ("hydra", "logger", "paths", "experiment", "seed")
_KEYS = (
    *(f"trainer.{key}" for key in TRAINER_INFRASTRUCTURE),
    *(f"data.{key}" for key in DATA_INFRASTRUCTURE),
    "callbacks.panels",
)


def scientific_words(words: Sequence[str]) -> str:
    """The words of a job without those that cannot change its result, sorted: the key in `sweep.json`.

    >>> scientific_words(["seed=1", "fusion=none", "trainer.devices=2", "data.num_workers=4", "backbone=tiny"])
    'backbone=tiny fusion=none'
    """
    return " ".join(sorted(word for word in words if not _is_infrastructure(word)))


def _is_infrastructure(word: str) -> bool:
    key = word.partition("=")[0].lstrip("+~")
    group = key.replace("/", ".").split(".")[0]
    return group in _GROUPS or any(key == entry or key.startswith(f"{entry}.") for entry in _KEYS)


def refuse_changed_words(jobs: Sequence[Job]) -> None:
    """Checks that the words of each job mean what they meant when its run was begun.

    Raises:
        UserError: a file of `conf/`, or this program, has changed since; with the first key that differs.
    """
    for file, group in _by_file(jobs).items():
        meant = _read(file)
        for job in group:
            before = meant.get(scientific_words(job.words), job.run.path.parent.name)
            if before != job.run.path.parent.name:
                _refuse(job, job.run.path.parents[1] / before)


def remember_words(jobs: Sequence[Job]) -> None:
    """Writes what the words of each job mean now."""
    for file, group in _by_file(jobs).items():
        now = {scientific_words(job.words): job.run.path.parent.name for job in group}
        meant = _read(file)
        if meant | now != meant:
            write_json(file, {"runs": meant | now})


def _refuse(job: Job, folder: Path) -> None:
    """An old folder that is gone, or in which nothing was begun, mixes with nothing."""
    for written in sorted(folder.glob("seed=*/config.yaml")):
        changed = first_change(written, job.config)
        key, before, now = changed or ("the meaning of these words", folder.name, job.run.path.parent.name)
        raise UserError(
            f"{job.name}: {key} was {before} when {folder} was begun and is {now} now, by a change in conf/ or of "
            f"avseg; give the new runs a name of their own with experiment=NAME, or delete {folder}"
        )


def _by_file(jobs: Sequence[Job]) -> dict[Path, list[Job]]:
    files: dict[Path, list[Job]] = {}
    for job in jobs:
        files.setdefault(job.run.path.parents[1] / "sweep.json", []).append(job)
    return files


def _read(file: Path) -> dict[str, str]:
    runs: dict[str, str] = read_json(file).get("runs", {}) if file.is_file() else {}
    return runs
