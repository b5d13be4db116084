"""The jobs of a sweep as a table, and what became of them as lines."""

from collections.abc import Sequence

from rich.table import Table

from avseg.sweep.devices import Pool
from avseg.sweep.estimate import estimate
from avseg.sweep.jobs import Job
from avseg.sweep.live_table import wide_console
from avseg.sweep.scheduler import Outcome
from avseg.sweep.state import State, state_of


def show_plan(jobs: Sequence[Job], pool: Pool | None = None) -> None:
    """Prints name, run, state and needs of each job, how many are left, and how long those will take."""
    shown = Table()
    for title in ("job", "run", "state", "needs"):
        shown.add_column(title, overflow="fold")
    states = [state_of(job.run) for job in jobs]
    for job, state in zip(jobs, states, strict=True):
        shown.add_row(job.name, job.run_id, state.value, "\n".join(job.needs))
    console = wide_console()
    console.print(shown)
    left = sum(state is not State.COMPLETE for state in states)
    text = f"{len(jobs)} {'job' if len(jobs) == 1 else 'jobs'}, {left} to run; {estimate(jobs, pool=pool)}"
    console.print(text, soft_wrap=True, highlight=False)


def failures(outcomes: Sequence[Outcome]) -> list[str]:
    """A line for the count, and one with the reason and the log for each job that is not complete."""
    left = [outcome for outcome in outcomes if outcome.state is not State.COMPLETE]
    if not left:
        return []
    lines = [f"  {outcome.job.name}: {outcome.reason or outcome.state}{_where(outcome)}" for outcome in left]
    return [f"{len(left)} of {len(outcomes)} jobs are not complete; the same command again runs only these:", *lines]


def _where(outcome: Outcome) -> str:
    return f" ({outcome.log})" if outcome.log.is_file() else ""
