"""The state of a run, read from its files and its lock, whichever program trains it."""

from enum import StrEnum

from avseg.runs import RunDirectory
from avseg.runs.lock import holder, last_end

# exit codes of a process that was stopped by Ctrl-C or SIGTERM
_STOPPED = (130, 143)


class State(StrEnum):
    """States of a run."""

    COMPLETE = "complete"  # it has a result
    CHANGED = "changed"  # it has a result, but its data or weights have changed since; only `avseg status NAME` looks
    RUNNING = "running"  # a process holds its lock
    FAILED = "failed"  # the last attempt ended with an error
    INTERRUPTED = "interrupted"  # it was started and then killed or stopped
    MISSING = "missing"  # it was never started


def state_of(run: RunDirectory) -> State:
    """Determine the state of a run."""
    if run.complete:
        return State.COMPLETE
    if holder(run):
        return State.RUNNING
    end = last_end(run)
    if end and end.exit_code >= 0 and end.exit_code not in _STOPPED:
        return State.FAILED
    return State.INTERRUPTED if end or run.config.is_file() else State.MISSING
