"""Run `avseg data prepare`: convert raw videos to the official layout."""

from argparse import Namespace
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from rich.markup import escape
from rich.table import Table

from avseg.cli.console_table import print_table
from avseg.cli.data_common import check_minimum, progress_bar
from avseg.cli.shards import read_shard
from avseg.data.prepare.options import Options
from avseg.data.prepare.result import Outcome
from avseg.data.prepare.run import prepare
from avseg.data.prepare.sharded import merge_shards, prepare_shard
from avseg.utils.console import new_console
from avseg.utils.processes import usable_cores
from avseg.utils.shards import Shard

_MAX_ROWS = 40  # of a table; report.json has all
_MAX_FILES = 3  # named in a row


def run(arguments: Namespace) -> int:
    """Prepare the videos under a progress bar; return 1 if a video failed."""
    check_minimum(arguments, jobs=1)
    options = Options(
        setting=arguments.setting,
        rule=arguments.frames,
        size=arguments.size,
        clip_seconds=arguments.clip_seconds,
        split=arguments.split,
        audio_track=arguments.audio_track,
        allow_damaged=arguments.allow_damaged,
    )
    shard = read_shard(arguments)
    if arguments.merge:
        outcomes = merge_shards(
            arguments.videos, arguments.out, options, reports=arguments.reports, index=arguments.index
        )
        _print_outcomes(outcomes, 0, arguments.out)
        return _exit_code(outcomes)
    run_part = prepare if shard is None else partial(prepare_shard, shard=shard, reports=arguments.reports)
    finished = 0  # prepared by an earlier command
    with progress_bar("preparing videos", new_console()) as progress:
        task = progress.add_task("", total=None)  # known once the folder is searched

        def started(total: int, completed: int) -> None:
            nonlocal finished
            finished = completed
            progress.update(task, total=total, completed=completed)

        outcomes = run_part(
            arguments.videos,
            arguments.out,
            options,
            index=arguments.index,
            jobs=arguments.jobs or usable_cores(),
            ray=arguments.ray,
            overwrite=arguments.overwrite,
            started=started,
            advance=lambda outcome: progress.advance(task),
        )
    _print_outcomes(outcomes, finished, arguments.out, shard)
    return _exit_code(outcomes)


def _exit_code(outcomes: Sequence[Outcome]) -> int:
    return 1 if any(outcome.failed for outcome in outcomes) else 0


def _print_outcomes(outcomes: Sequence[Outcome], finished: int, out: Path, shard: Shard | None = None) -> None:
    failures: list[tuple[str, str]] = []  # file and reason
    noted: dict[str, list[str]] = {}  # files by note
    clips = 0
    for outcome in outcomes:
        clips += len(outcome.clips)
        if outcome.failed:
            failures.append((outcome.file, outcome.reason))
        for note in outcome.notes:
            noted.setdefault(note, []).append(outcome.file)
    _print_rows("failed", ("file", "reason"), failures)
    handled: list[tuple[str, str]] = []  # note and its first files
    for note, files in sorted(noted.items()):
        ellipsis = ", ..." if len(files) > _MAX_FILES else ""
        handled.append((note, f"{len(files)}: {', '.join(files[:_MAX_FILES])}{ellipsis}"))
    _print_rows("handled", ("problem", "files"), handled)
    prepared = len(outcomes) - len(failures)
    earlier = f" ({finished} of them earlier)" if finished else ""
    prefix = f"shard {shard}: " if shard is not None else ""
    counts = f"{prepared} of {len(outcomes)} videos prepared{earlier}, {len(failures)} failed; {clips} clips in {out}"
    print(prefix + counts)
    if shard is None:
        print(f"by file: {out / 'report.json'}")


def _print_rows(title: str, columns: tuple[str, str], rows: list[tuple[str, str]]) -> None:
    if not rows:
        return
    table = Table(title=title, caption=f"the first {_MAX_ROWS} of {len(rows)}" if len(rows) > _MAX_ROWS else None)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows[:_MAX_ROWS]:
        table.add_row(*map(escape, row))
    print_table(table)
