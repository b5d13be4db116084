"""Runs jobs: each a fresh process with devices of its own, several at once; one that fails stops no other."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from avseg.runs.find import complete_run
from avseg.runs.lock import forget_end, holder, log_file, record_end
from avseg.sweep.devices import Pool
from avseg.sweep.jobs import Job, make_pool, refuse_too_large
from avseg.sweep.live_table import Board, Row
from avseg.sweep.override_drift import refuse_changed_words, remember_words
from avseg.sweep.process import Child, Stop, child_environment, end
from avseg.sweep.state import State, state_of
from avseg.utils.errors import UserError

_POLL = 0.05


@dataclass(frozen=True)
class Outcome:
    """How a job stands at the end of a sweep.

    Attributes:
        job: the job.
        state: complete, or why not: failed (its process ended with an error), interrupted (killed), running (in
            another process, elsewhere), missing (not started, since a job that it needs failed, or by `fail_fast`).
        exit_code: of its process; minus the signal's number when killed; None when it was not started.
        log: what it said.
        reason: one line; empty when complete.
    """

    job: Job
    state: State
    exit_code: int | None
    log: Path
    reason: str = ""


def run_jobs(
    jobs: Sequence[Job],
    *,
    jobs_at_once: int | None = None,
    devices: Sequence[str] | int | None = None,
    fail_fast: bool = False,
    command: Callable[[Job], list[str]] = lambda job: job.command,
) -> list[Outcome]:
    """Runs what is missing of some jobs, and shows how they stand.

    Args:
        jobs: from `plan`; one that needs another one of them waits for it.
        jobs_at_once: at most so many; None: as many as the devices allow.
        devices: names of the GPUs to lease, or how many of the first ones; None: those found.
        fail_fast: start nothing new after a failure.
        command: the command line of a job.

    Returns:
        An outcome per job, in their order.

    Raises:
        UserError: nothing was started, since a job cannot run here, or its words meant something else before.
        KeyboardInterrupt: Ctrl-C; all processes of all jobs have ended, and the same call continues.
        SystemExit: SIGTERM or SIGHUP; likewise.
    """
    todo = [job for job in jobs if not job.run.complete]
    pool = make_pool(todo, jobs_at_once, devices)
    refuse_too_large(todo, pool)
    refuse_changed_words(jobs)
    _refuse_missing_source(todo, {job.run_id for job in jobs})
    remember_words(jobs)
    with Stop() as stop:
        return _Sweep(jobs, pool, fail_fast, command, stop).run()


def _refuse_missing_source(jobs: Sequence[Job], here: set[str]) -> None:
    for job in jobs:
        outputs = Path(job.config["paths"]["outputs"])
        for needed, command in job.needs.items():
            if needed not in here and complete_run(outputs, needed) is None:
                raise UserError(
                    f"{job.name} builds on the run {needed}, which is not complete; make it with: {command}"
                )


class _Sweep:
    """Some jobs on their way."""

    def __init__(
        self, jobs: Sequence[Job], pool: Pool, fail_fast: bool, command: Callable[[Job], list[str]], stop: Stop
    ) -> None:
        self.pool, self.fail_fast, self.command, self.stop = pool, fail_fast, command, stop
        self.rows = {job: Row(job) for job in jobs}
        self.by_id = {job.run_id: job for job in jobs}
        self.children: dict[Job, Child] = {}
        self.outcomes: dict[Job, Outcome] = {}
        self.todo = sum(not job.run.complete for job in jobs)

    def run(self) -> list[Outcome]:
        """Until every job has an outcome."""
        with Board(list(self.rows.values())) as board:
            try:
                while len(self.outcomes) < len(self.rows):
                    self._collect()
                    for row in self.rows.values():
                        self.stop.check()
                        if row.state == "waiting":
                            self._consider(row)
                    board.update()
                    time.sleep(_POLL if self.children else 0)
            except BaseException:
                self._end()
                raise
            finally:
                board.update()
        return [self.outcomes[job] for job in self.rows]

    def _consider(self, row: Row) -> None:
        """Starts a waiting job, leaves it waiting, or decides that it cannot run."""
        job = row.job
        if job.run.complete:
            self._decide(row, State.COMPLETE, "complete already")
        elif who := holder(job.run):
            self._decide(row, State.RUNNING, f"in {who}, not in this sweep")
        elif self.fail_fast and any(outcome.state is not State.COMPLETE for outcome in self.outcomes.values()):
            self._decide(row, state_of(job.run), "not started, after a failure", shown="not started")
        elif failed := self._failed_source(job):
            self._decide(row, state_of(job.run), f"needs {failed.name}, which is not complete", shown="blocked")
        elif any(source not in self.outcomes for source in self._sources(job)):
            return
        elif (lease := self.pool.take(job.trainer)) is not None:
            self._start(row, lease)

    def _sources(self, job: Job) -> list[Job]:
        """The jobs of this sweep that must be complete before it."""
        return [self.by_id[needed] for needed in job.needs if needed in self.by_id]

    def _failed_source(self, job: Job) -> Job | None:
        decided = (source for source in self._sources(job) if source in self.outcomes)
        return next((source for source in decided if self.outcomes[source].state is not State.COMPLETE), None)

    def _start(self, row: Row, lease: tuple[str, ...]) -> None:
        processes = max(1, len(lease) or row.job.processes)
        at_once = min(self.pool.at_once(row.job.trainer), self.todo)
        environment = child_environment(lease, max(1, self.pool.cores // (at_once * processes)))
        row.state, row.devices, row.began = "running", lease, time.monotonic()
        self.children[row.job] = Child(self.command(row.job), environment, log_file(row.job.run))

    def _collect(self) -> None:
        """Takes note of the jobs that have ended."""
        for job, child in list(self.children.items()):
            if (code := child.poll()) is None:
                continue
            del self.children[job]
            row = self.rows[job]
            self.pool.give_back(row.devices)
            row.seconds = time.monotonic() - (row.began or 0.0)
            self._judge(row, child, code)

    def _judge(self, row: Row, child: Child, code: int) -> None:
        run = row.job.run
        if code == 0 and run.complete:
            forget_end(run)
            self._decide(row, State.COMPLETE, "", code)
            return
        how = f"killed by signal {-code}" if code < 0 else f"exit code {code}" if code else "ended without a result"
        error = child.last_error()
        if who := holder(run):  # two sweeps at once: the other one's process was first, and how it ends is not ours
            self._decide(row, State.RUNNING, f"in {who}, not in this sweep", code)
            return
        record_end(run, code, error)
        self._decide(row, State.FAILED if code >= 0 else State.INTERRUPTED, f"{how}: {error}" if error else how, code)

    def _decide(self, row: Row, state: State, reason: str, code: int | None = None, shown: str = "") -> None:
        row.state, row.note = shown or state.value, reason
        reason = "" if state is State.COMPLETE else reason
        self.outcomes[row.job] = Outcome(row.job, state, code, log_file(row.job.run), reason)

    def _end(self) -> None:
        """Ends what runs; the runs stay as they are, to be continued."""
        end(list(self.children.values()), urgent=self.stop.twice)
        for job in self.children:
            row = self.rows[job]
            row.state, row.seconds = "interrupted", time.monotonic() - (row.began or 0.0)
