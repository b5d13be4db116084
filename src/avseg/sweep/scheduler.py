"""Run jobs in fresh processes with leased devices, several at once; a job that fails does not stop the others."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import TypeAlias

from avseg.runs.find import complete_run
from avseg.runs.lock import forget_end, holder, log_file, record_end
from avseg.sweep.devices import Pool
from avseg.sweep.jobs import (
    Job,
    incomplete,
    make_pool,
    refuse_changed_jobs,
    refuse_changed_run_inputs,
    refuse_too_large,
    remember_jobs,
)
from avseg.sweep.live_table import LiveTable, Row
from avseg.sweep.process import JobProcess, StopSignals, child_environment, stop_processes
from avseg.sweep.state import State, state_of
from avseg.utils.errors import UserError

Command: TypeAlias = Callable[[Job], list[str]]  # builds the command line of a job

_POLL = 0.05  # seconds


@dataclass(frozen=True)
class Outcome:
    """The state of a job at the end of a sweep."""

    job: Job
    state: State  # missing: not started, because a job that it needs failed, or by `fail_fast`
    exit_code: int | None  # of its process, negative for a signal; None if it was not started
    log: Path
    reason: str = ""  # one line; empty if complete


def run_jobs(
    jobs: Sequence[Job],
    *,
    jobs_at_once: int | None = None,
    devices: Sequence[str] | int | None = None,
    fail_fast: bool = False,
    command: Command = lambda job: job.command,
) -> list[Outcome]:
    """Run the jobs that are not complete, show their states, and return an outcome per job, in their order.

    A job that needs another one of them waits for it. After a failure `fail_fast` starts nothing. By default as many
    run at once as fit on the devices: all that are found, or those named, or the number of the first ones.
    Runs whose data, weights or plugins have changed are refused, unless the job says `rerun`.

    Raises:
        UserError: nothing was started: a job cannot run here, or its overrides had another meaning before.
        KeyboardInterrupt: Ctrl-C; all processes of all jobs have ended, and the same call continues.
        SystemExit: SIGTERM or SIGHUP; likewise.
    """
    todo = incomplete(jobs)
    pool = make_pool(todo, jobs_at_once, devices)
    refuse_too_large(todo, pool)
    refuse_changed_jobs(jobs)
    refuse_changed_run_inputs([job for job in jobs if not job.rerun])
    _refuse_missing_source(todo, set(map(attrgetter("run_id"), jobs)))
    remember_jobs(jobs)
    with StopSignals() as stop:
        return _Sweep(jobs, pool, fail_fast, command, stop).run()


def _refuse_missing_source(jobs: Sequence[Job], planned: set[str]) -> None:
    for job in jobs:
        outputs = Path(job.config.paths.outputs)
        for needed, command in job.needs.items():
            if needed not in planned and complete_run(outputs, needed) is None:
                raise UserError(f"{job.name} needs the run {needed}, which is not complete; make it with: {command}")


class _Sweep:
    """The jobs of a running sweep: waiting, running in a process, or with an outcome."""

    def __init__(self, jobs: Sequence[Job], pool: Pool, fail_fast: bool, command: Command, stop: StopSignals) -> None:
        self.pool = pool
        self.fail_fast = fail_fast
        self.command = command
        self.stop = stop
        self.rows: dict[Job, Row] = {}
        self.by_id: dict[str, Job] = {}
        for job in jobs:
            self.rows[job] = Row(job)
            self.by_id[job.run_id] = job
        self.processes: dict[Job, JobProcess] = {}
        self.outcomes: dict[Job, Outcome] = {}
        self.incomplete = len(incomplete(jobs))

    def run(self) -> list[Outcome]:
        """Run until every job has an outcome."""
        with LiveTable(list(self.rows.values())) as table:
            try:
                while len(self.outcomes) < len(self.rows):
                    self._collect_ended()
                    for row in self.rows.values():
                        self.stop.check()
                        if row.state == "waiting":
                            self._start_or_decide(row)
                    table.print_changes()
                    time.sleep(_POLL if self.processes else 0)  # decided jobs may unblock others at once
            except BaseException:
                # also KeyboardInterrupt and SystemExit: no process may survive the sweep
                self._interrupt()
                raise
            finally:
                table.print_changes()
        return list(map(self.outcomes.__getitem__, self.rows))  # in the order of the jobs

    def _start_or_decide(self, row: Row) -> None:
        """Start a waiting job, leave it waiting, or decide that it cannot run."""
        job = row.job
        sources = [self.by_id[run_id] for run_id in job.needs if run_id in self.by_id]
        if job.complete:
            self._decide(row, State.COMPLETE, "complete already")
        elif owner := holder(job.run):
            self._decide(row, State.RUNNING, f"in {owner}, not in this sweep")
        elif self.fail_fast and any(map(self._has_failed, self.outcomes)):
            self._decide(row, state_of(job.run), "not started, after a failure", label="not started")
        elif failed := next(filter(self._has_failed, sources), None):
            self._decide(row, state_of(job.run), f"needs {failed.name}, which is not complete", label="blocked")
        elif self.outcomes.keys() >= set(sources) and (lease := self.pool.take(job.trainer)) is not None:
            self._start(row, lease)

    def _has_failed(self, job: Job) -> bool:
        return job in self.outcomes and self.outcomes[job].state is not State.COMPLETE

    def _start(self, row: Row, lease: tuple[str, ...]) -> None:
        processes = max(1, len(lease) or row.job.processes)
        # the cores are shared by the jobs at a time and their processes
        at_once = min(self.pool.at_once(row.job.trainer), self.incomplete)
        environment = child_environment(lease, max(1, self.pool.cores // (at_once * processes)))
        row.state = "running"
        row.devices = lease
        row.started = time.monotonic()
        self.processes[row.job] = JobProcess(self.command(row.job), environment, log_file(row.job.run))

    def _collect_ended(self) -> None:
        for job, process in list(self.processes.items()):  # a copy, since ended ones are removed
            code = process.poll()
            if code is not None:
                del self.processes[job]
                row = self.rows[job]
                self.pool.give_back(row.devices)
                row.seconds = time.monotonic() - (row.started or 0.0)
                self._record_end(row, process, code)

    def _record_end(self, row: Row, process: JobProcess, code: int) -> None:
        run = row.job.run
        if code == 0 and run.complete:
            forget_end(run)
            self._decide(row, State.COMPLETE, "", code)
        elif owner := holder(run):
            # another sweep owns this run; do not record its end
            self._decide(row, State.RUNNING, f"in {owner}, not in this sweep", code)
        else:
            error = process.last_error()
            record_end(run, code, error)
            end = f"killed by signal {-code}" if code < 0 else f"exit code {code}" if code else "ended without a result"
            state = State.INTERRUPTED if code < 0 else State.FAILED
            self._decide(row, state, f"{end}: {error}" if error else end, code)

    def _decide(self, row: Row, state: State, reason: str, code: int | None = None, label: str = "") -> None:
        row.state = label or state.value
        row.note = reason
        reason = "" if state is State.COMPLETE else reason
        self.outcomes[row.job] = Outcome(row.job, state, code, log_file(row.job.run), reason)

    def _interrupt(self) -> None:
        """Stop all processes; the same sweep continues their runs."""
        stop_processes(list(self.processes.values()), self.stop.repeated)
        for job in self.processes:
            row = self.rows[job]
            row.state = "interrupted"
            row.seconds = time.monotonic() - (row.started or 0.0)
