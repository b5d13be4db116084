"""What is going on: a live table on a terminal, a plain line per change of state elsewhere."""

import csv
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.live import Live
from rich.table import Table

from avseg.sweep.jobs import Job

_COLOURS = {"complete": "green", "running": "cyan", "failed": "red", "interrupted": "yellow", "blocked": "red"}
# what a reader looks for stands first when the terminal is too low for all
_ORDER = ("running", "failed", "interrupted", "blocked", "waiting", "not started", "complete")
_REFRESH = 0.5


@dataclass
class Row:
    """A job as the board shows it.

    Attributes:
        job: the job.
        state: a word.
        note: a reason, an exit code.
        devices: the GPUs that it has.
        began: of the monotonic clock (s); None: not in this sweep.
        seconds: how long it took; None: not ended.
    """

    job: Job
    state: str = "waiting"
    note: str = ""
    devices: tuple[str, ...] = ()
    began: float | None = None
    seconds: float | None = None

    @property
    def time(self) -> str:
        """How long it has run in this sweep."""
        if self.began is None:
            return ""
        return clock(time.monotonic() - self.began if self.seconds is None else self.seconds)


class Board:
    """Shows rows.

    Args:
        rows: a row per job; whoever holds them changes them in place.
        console: default: standard output.
    """

    def __init__(self, rows: Sequence[Row], console: Console | None = None) -> None:
        self.rows = rows
        self.console = console or wide_console()
        self._live = Live(console=self.console, auto_refresh=False) if self.console.is_terminal else None
        self._shown: dict[str, str] = {}
        self._refreshed = 0.0

    def __enter__(self) -> "Board":
        if self._live:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.update(table(self._sorted()), refresh=True)
            self._live.stop()
        else:
            self.update()
            self.console.print(table(self.rows))

    def update(self) -> None:
        """Shows what has changed."""
        if self._live is None:
            for place, row in enumerate(self.rows, 1):
                self._line(place, row)
        elif time.monotonic() - self._refreshed > _REFRESH:
            self._refreshed = time.monotonic()
            self._live.update(table(self._sorted()), refresh=True)

    def _line(self, place: int, row: Row) -> None:
        if row.state in (self._shown.get(row.job.run_id), "waiting"):
            return
        self._shown[row.job.run_id] = row.state
        devices = f"GPUs {','.join(row.devices)}" if row.devices and row.seconds is None else ""
        score = f"val mIoU {progress(row.job)[1]}" if row.state == "complete" and progress(row.job)[1] else ""
        parts = (row.note, devices, score, row.time if row.seconds is not None else "")
        note = ", ".join(part for part in parts if part)
        text = f"[{place}/{len(self.rows)}] {row.job.name}: {row.state}{f' ({note})' if note else ''}"
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def _sorted(self) -> list[Row]:
        return sorted(self.rows, key=lambda row: _ORDER.index(row.state) if row.state in _ORDER else 0)


def table(rows: Iterable[Row]) -> Table:
    """A row per job."""
    rows = list(rows)
    names = [row.state for row in rows]
    counts = ", ".join(f"{names.count(state)} {state}" for state in _ORDER if state in names)
    shown = Table(caption=f"{len(rows)} jobs: {counts}")
    for title, right in (("job", 0), ("state", 0), ("epoch", 1), ("val mIoU", 1), ("time", 1), ("GPUs", 0), ("", 0)):
        shown.add_column(title, justify="right" if right else "left", overflow="fold")
    for row in rows:
        colour = _COLOURS.get(row.state, "")
        state = f"[{colour}]{row.state}[/]" if colour else row.state
        shown.add_row(row.job.name, state, *progress(row.job), row.time, ",".join(row.devices), row.note)
    return shown


def progress(job: Job) -> tuple[str, str]:
    """Finished epochs of all, and the last validation mIoU (per cent), from the run's metrics.csv."""
    last = _last_row(job.run.metrics)
    if not last.get("epoch"):
        return "", ""
    score = last.get("val/miou")
    return f"{int(last['epoch']) + 1}/{job.trainer.get('max_epochs')}", f"{100 * float(score):.2f}" if score else ""


def _last_row(path: Path) -> dict[str, str]:
    rows = read_epochs(path)
    return rows[-1] if rows else {}


def read_epochs(path: Path) -> list[dict[str, str]]:
    """The rows of a metrics.csv; none where there is no file, or a damaged one: a look at it stops no sweep."""
    try:
        with path.open(newline="") as file:
            return [row for row in csv.DictReader(file) if (row.get("epoch") or "").isdecimal()]
    except (OSError, ValueError, csv.Error):
        return []


def clock(seconds: float) -> str:
    """Hours, minutes, seconds.

    >>> clock(3725.4)
    '1:02:05'
    """
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}"


def wide_console() -> Console:
    """Standard output; without a terminal it is wide enough for the names of runs."""
    console = Console()
    return console if console.is_terminal else Console(width=160)
