"""Print the jobs of a sweep as a table, and the jobs that are not complete as lines."""

from collections.abc import Sequence

from rich.table import Table

from avseg.sweep.devices import Pool
from avseg.sweep.estimate import estimate
from avseg.sweep.jobs import Job
from avseg.sweep.scheduler import Outcome
from avseg.sweep.state import State, state_of
from avseg.utils.console import wide_console


def show_plan(jobs: Sequence[Job], pool: Pool | None = None) -> None:
    """Print name, run, state and needed runs of each job, the number of jobs to run, and an estimate of their time."""
    table = Table()
    for title in ("job", "run", "state", "needs"):
        table.add_column(title, overflow="fold")
    remaining = 0
    for job in jobs:
        state = state_of(job.run)
        remaining += state is not State.COMPLETE
        table.add_row(job.name, job.run_id, state.value, "\n".join(job.needs))
    console = wide_console()  # logs must not break the run ids
    console.print(table)
    text = f"{len(jobs)} {'job' if len(jobs) == 1 else 'jobs'}, {remaining} to run; {estimate(jobs, pool=pool)}"
    console.print(text, soft_wrap=True, highlight=False)


def failures(outcomes: Sequence[Outcome]) -> list[str]:
    """Describe the jobs that are not complete: a line for their number, then one for each with reason and log."""
    lines = []
    for outcome in outcomes:
        if outcome.state is not State.COMPLETE:
            log = f" ({outcome.log})" if outcome.log.is_file() else ""
            lines.append(f"  {outcome.job.name}: {outcome.reason or outcome.state}{log}")
    if lines:
        lines.insert(0, f"{len(lines)} of {len(outcomes)} jobs are not complete; the same command runs only these:")
    return lines
