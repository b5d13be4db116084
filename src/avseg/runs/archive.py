"""Set a run aside, so that the same command trains it again: nothing is deleted."""

import datetime
import logging
from pathlib import Path

from avseg.runs.directory import RunDirectory
from avseg.runs.lock import lock_file

log = logging.getLogger("avseg")


def archive(run: RunDirectory) -> Path | None:
    """Move the files of a run to `archived-seed=N-TIME` next to it, where no command finds them.

    Call it with the lock of the run, which stays. None if there is no run.
    """
    if not run.config.is_file() and not run.complete:
        return None
    time = datetime.datetime.now().astimezone().strftime("%Y%m%dT%H%M%S")
    folder = run.path.with_name(f"archived-{run.path.name}-{time}")
    number = 1
    while folder.exists():
        number += 1
        folder = run.path.with_name(f"archived-{run.path.name}-{time}-{number}")
    folder.mkdir()
    # the result first: without it the run is not complete, whenever this is interrupted
    files = sorted(run.path.iterdir(), key=lambda path: path != run.result)
    for path in files:
        if path != lock_file(run):
            path.rename(folder / path.name)
    log.info("archived the old run: %s", folder)
    return folder
