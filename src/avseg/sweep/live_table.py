"""Show the jobs of a sweep: a live table on a terminal, elsewhere a line per change of state."""

import csv
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from rich.console import Console, JustifyMethod
from rich.live import Live
from rich.table import Table

from avseg.sweep.jobs import Job
from avseg.utils.console import wide_console
from avseg.utils.csv_files import read_rows

# most interesting first, in case the terminal is too low for all rows; with their colours
_STATES = {"running": "cyan", "failed": "red", "interrupted": "yellow", "blocked": "red"}
_STATES |= {"waiting": "none", "not started": "none", "complete": "green"}


@dataclass
class Row:
    """The state of a job in the sweep."""

    job: Job
    state: str = "waiting"  # a key of `_STATES`
    note: str = ""  # reason or exit code
    devices: tuple[str, ...] = ()  # leased GPUs
    started: float | None = None  # time of the monotonic clock (s); None if not started in this sweep
    seconds: float | None = None  # duration; None if not ended

    @property
    def time(self) -> str:
        """Time that it has run in this sweep."""
        if self.started is None:
            return ""
        seconds = time.monotonic() - self.started if self.seconds is None else self.seconds
        return str(timedelta(seconds=int(seconds)))

    @property
    def progress(self) -> tuple[str, str]:
        """Number of finished epochs, and the last validation mIoU (per cent), from the run's metrics.csv."""
        epochs = read_epochs(self.job.run.metrics)
        if not epochs:
            return "", ""
        score = epochs[-1].get("val/miou")
        finished = int(epochs[-1]["epoch"]) + 1
        return f"{finished}/{self.job.trainer.max_epochs}", f"{100 * float(score):.2f}" if score else ""


class LiveTable:
    """Shows a row per job while their owner changes them in place; by default on standard output."""

    def __init__(self, rows: Sequence[Row], console: Console | None = None) -> None:
        self.rows = rows
        self.console = console or wide_console()
        self._live = Live(console=self.console, get_renderable=self._table, refresh_per_second=2)
        self._printed_states: dict[str, str] = {}  # by run id

    def __enter__(self) -> "LiveTable":
        if self.console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.console.is_terminal:
            self._live.stop()  # prints the last table
        else:
            self.print_changes()
            self.console.print(self._table())

    def print_changes(self) -> None:
        """Print a line for each job whose state has changed, unless the table is shown live."""
        if self.console.is_terminal:
            return
        for number, row in enumerate(self.rows, 1):
            if row.state not in ("waiting", self._printed_states.get(row.job.run_id)):
                self._printed_states[row.job.run_id] = row.state
                line = f"[{number}/{len(self.rows)}] {row.job.name}: {row.state}{_details(row)}"
                self.console.print(line, markup=False, highlight=False, soft_wrap=True)

    def _table(self) -> Table:
        rows = list(self.rows)
        if self.console.is_terminal:
            rows.sort(key=lambda row: list(_STATES).index(row.state))
        states = Counter(row.state for row in rows)
        counts = ", ".join(f"{states[state]} {state}" for state in _STATES if state in states)
        table = Table(caption=f"{len(rows)} jobs: {counts}")
        for title in ("job", "state", "epoch", "val mIoU", "time", "GPUs", ""):
            justify: JustifyMethod = "right" if title in ("epoch", "val mIoU", "time") else "left"
            table.add_column(title, justify=justify, overflow="fold")
        for row in rows:
            state = f"[{_STATES[row.state]}]{row.state}[/]"
            table.add_row(row.job.name, state, *row.progress, row.time, ",".join(row.devices), row.note)
        return table


def _details(row: Row) -> str:
    details = [row.note]
    if row.seconds is None and row.devices:
        details.append(f"GPUs {','.join(row.devices)}")
    if row.state == "complete" and row.progress[1]:
        details.append(f"val mIoU {row.progress[1]}")
    if row.seconds is not None:
        details.append(row.time)
    text = ", ".join(filter(None, details))
    return f" ({text})" if text else ""


def read_epochs(path: Path) -> list[dict[str, str]]:
    """Read the rows of a metrics.csv; an empty list if it is missing or damaged, which must not stop a sweep."""
    try:
        return [row for row in read_rows(path) if (row.get("epoch") or "").isdecimal()]
    except (OSError, ValueError, csv.Error):
        return []
