"""The table of a sweep on a terminal, and the lines of a log."""

import io

from rich.console import Console

from avseg.sweep.live_table import LiveTable, Row
from tests.sweep.fake import job


def rows(tmp_path):
    running = Row(job(tmp_path, 1), "running", devices=("4", "5"), started=0.0)
    complete = Row(job(tmp_path, 2), "complete", started=0.0, seconds=3725.4)
    metrics = complete.job.run.metrics
    metrics.parent.mkdir(parents=True)
    metrics.write_text("epoch,val/miou\n0,0.25\n1,0.5\n")
    return [complete, running, Row(job(tmp_path, 3))]


def test_a_terminal_shows_running_jobs_first(tmp_path):
    out = io.StringIO()
    with LiveTable(rows(tmp_path), Console(file=out, force_terminal=True, width=120, height=30)) as table:
        table.print_changes()
    text = out.getvalue()
    assert text.index("running") < text.index("waiting") < text.index("complete")
    assert "1:02:05" in text
    assert "2/" in text
    assert "50.00" in text
    assert "3 jobs: 1 running, 1 waiting, 1 complete" in text


def test_a_log_has_a_line_per_change_of_state(tmp_path):
    out = io.StringIO()
    jobs = rows(tmp_path)
    with LiveTable(jobs, Console(file=out, width=120)) as table:
        table.print_changes()
        table.print_changes()
        jobs[1].state = "failed"
        jobs[1].note = "exit code 1"
        jobs[1].seconds = 60
        table.print_changes()
    lines = [line for line in out.getvalue().splitlines() if line.startswith("[")]
    assert lines == [
        "[1/3] seed=2: complete (val mIoU 50.00, 1:02:05)",
        "[2/3] seed=1: running (GPUs 4,5)",
        "[2/3] seed=1: failed (exit code 1, 0:01:00)",
    ]
