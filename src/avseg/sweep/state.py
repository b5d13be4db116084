"""In which state is a run? Its files and its lock say so, whoever began it."""

from enum import StrEnum

from avseg.runs import RunDirectory
from avseg.runs.lock import holder, last_end

# the exit codes of a process that was asked to stop: Ctrl-C, SIGTERM
_STOPPED = (130, 143)


class State(StrEnum):
    """The states of a run."""

    COMPLETE = "complete"
    RUNNING = "running"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    MISSING = "missing"


def state_of(run: RunDirectory) -> State:
    """The state of a run.

    Returns:
        complete: its result lies there; running: a process holds its lock; failed: the last attempt ended by itself
        with an error; interrupted: begun, and killed or stopped before its end; missing: never begun.
    """
    if run.complete:
        return State.COMPLETE
    if holder(run):
        return State.RUNNING
    end = last_end(run)
    if end and end.get("exit_code", 0) >= 0 and end.get("exit_code") not in _STOPPED:
        return State.FAILED
    return State.INTERRUPTED if end or run.config.is_file() else State.MISSING
