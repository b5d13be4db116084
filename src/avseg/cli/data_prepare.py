"""`avseg data prepare`: raw videos to the official layout."""

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Sequence

    from avseg.data.prepare.options import Options
    from avseg.data.prepare.result import Outcome

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"

_EPILOG = """\
examples:
  avseg data prepare my_videos --out data/mine
  avseg data prepare s4_data/raw_videos --setting s4 --index s4_meta_data.csv --out data/Single-source

own videos of any container, at any depth, become consecutive clips of 5 seconds in the layout of MS3, without masks.
AVSBench's are found as {split}/{category}/{name}.mp4 or {name}.mp4; put the released gt_masks beside what is written.
For each second one png by AVSBench's rule (frame int(l r + 15 r / 16) of second l, r = rounded frame rate), resized as
by cv2; a 16 kHz mono wav, the mean of all channels; log-mel patches, the last one repeated where the sound is short.
Written besides: prepare.json (the options) and report.json (what each file is, what was handled, what failed and why).
The same command again does only what is missing. Exit code 1 when a video failed.
"""
_SHOWN = 40  # rows of failures; report.json has all


def add_prepare(subverbs: Commands) -> None:
    """Adds the subverb `prepare`."""
    text = "raw videos to the official layout: frames, sound, log-mel"
    shape = argparse.RawDescriptionHelpFormatter
    parser = subverbs.add_parser("prepare", help=text, description=text, epilog=_EPILOG, formatter_class=shape)
    add = parser.add_argument
    add("videos", type=Path, metavar="FOLDER", help="holds the raw videos")
    add("--out", type=Path, required=True, metavar="DIR", help="where the set goes; may hold masks already")
    add("--setting", default="own", help="own (any videos), s4 or ms3 (AVSBench's, by its index); default: own")
    add("--index", type=Path, metavar="CSV", help="s4, ms3: the official index; default: in FOLDER or above it")
    add("--split", default="test", help="own videos: train, val or test; default: test")
    text = "official (AVSBench's rule), or second (the one shown at each second's middle); default: official"
    add("--frames", default="official", metavar="RULE", help=text)
    add("--size", type=int, default=224, help="side of the pictures in pixels; default: 224")
    text = "own videos: length of a clip; readers of AVSBench take its first 5 seconds; default: 5"
    add("--clip-seconds", type=int, default=5, metavar="N", help=text)
    add("--jobs", type=int, metavar="N", help="processes; default: as many as processors")
    add("--allow-damaged", action="store_true", help="prepare what there is of truncated or damaged files")
    add("--overwrite", action="store_true", help="make everything again, with other options if need be")


def run_prepare(arguments: argparse.Namespace) -> int:
    """Prepares the videos under a progress bar; 1 if one of them failed."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from avseg.data.prepare.run import prepare
    from avseg.utils.errors import UserError

    if arguments.jobs is not None and arguments.jobs < 1:
        raise UserError(f"--jobs {arguments.jobs} is not a number of processes; give 1 or more")
    options = _options(arguments)
    finished = 0
    columns = (TextColumn("preparing videos"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(), transient=True) as progress:
        task = progress.add_task("", total=None)

        def started(total: int, done: int) -> None:
            nonlocal finished
            finished = done
            progress.update(task, total=total, completed=done)

        outcomes = prepare(
            arguments.videos,
            arguments.out,
            options,
            index=arguments.index,
            jobs=arguments.jobs or _processors(),
            overwrite=arguments.overwrite,
            started=started,
            advance=lambda _: progress.advance(task),
        )
    _show(outcomes, finished, arguments.out)
    return 1 if any(outcome.failed for outcome in outcomes) else 0


def _options(arguments: argparse.Namespace) -> "Options":
    from avseg.data.prepare.options import Options

    return Options(
        setting=arguments.setting,
        rule=arguments.frames,
        size=arguments.size,
        clip_seconds=arguments.clip_seconds,
        split=arguments.split,
        allow_damaged=arguments.allow_damaged,
    )


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _show(outcomes: "Sequence[Outcome]", finished: int, out: Path) -> None:
    """The files that failed with their reasons, what was handled in how many others, and the counts."""
    failed = [outcome for outcome in outcomes if outcome.failed]
    if failed:
        rows = [(outcome.file, outcome.reason) for outcome in failed]
        _print_rows("failed", ("file", "reason"), rows)
    handled: dict[str, list[str]] = {}
    for outcome in outcomes:
        for kind in outcome.notes:
            handled.setdefault(kind, []).append(outcome.file)
    if handled:
        _print_rows("handled", ("what", "files"), [(kind, _first(files)) for kind, files in sorted(handled.items())])
    prepared, clips = len(outcomes) - len(failed), sum(len(outcome.clips) for outcome in outcomes)
    before = f" ({finished} of them earlier)" if finished else ""
    print(f"{prepared} of {len(outcomes)} videos prepared{before}, {len(failed)} failed; {clips} clips in {out}")
    print(f"by file: {out / 'report.json'}")


def _first(files: list[str]) -> str:
    return f"{len(files)}: {', '.join(files[:3])}" + (", ..." if len(files) > 3 else "")


def _print_rows(title: str, columns: tuple[str, str], rows: "Sequence[tuple[str, str]]") -> None:
    from rich.markup import escape
    from rich.table import Table

    from avseg.cli.scores_table import print_table

    table = Table(title=title, caption=f"the first {_SHOWN} of {len(rows)}" if len(rows) > _SHOWN else None)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows[:_SHOWN]:
        table.add_row(*map(escape, row))
    print_table(table)
