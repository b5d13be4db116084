"""Prepare a part of the raw videos, as one of many jobs, and sum the parts up.

A shard writes its videos' files and markers like a whole run. The index and report.json are written by the merging.
"""

from collections.abc import Callable
from pathlib import Path

from avseg.data.prepare.options import Options
from avseg.data.prepare.progress import ProgressStore
from avseg.data.prepare.raw_videos import RawVideo
from avseg.data.prepare.result import Outcome
from avseg.data.prepare.run import find_work, prepare_videos
from avseg.utils.shards import Shard, ShardReport, Work, merge_reports


def prepare_shard(
    folder: Path,
    out: Path,
    options: Options,
    shard: Shard,
    *,
    reports: Path | None = None,  # folder of the shards' results; default: in `out`
    index: Path | None = None,
    jobs: int = 0,
    ray: str | None = None,
    overwrite: bool = False,
    started: Callable[[int, int], None] = lambda total, finished: None,
    advance: Callable[[Outcome], None] = lambda outcome: None,
) -> list[Outcome]:
    """Prepare the videos of a shard; arguments and errors are those of `avseg.data.prepare.run.prepare`."""
    store, videos, index = find_work(folder, out, options, index, jobs, f"-{shard.number}-of-{shard.count}")
    report = ShardReport(reports or store.reports, _work(store, videos), shard, Outcome)
    shard_videos = [video for video in videos if video.key in report.keys]
    with store.open(overwrite=overwrite, index=index), report.open(overwrite=overwrite) as earlier:
        # outcomes come from the markers of finished videos; the report says which ones this command has overwritten
        outcomes = prepare_videos(
            store,
            shard_videos,
            jobs,
            ray=ray,
            again=lambda video: overwrite and video.key not in earlier,
            started=started,
            advance=advance,
            save=lambda video, outcome: report.add({video.key: outcome}),
        )
    return outcomes


def merge_shards(
    folder: Path, out: Path, options: Options, *, reports: Path | None = None, index: Path | None = None
) -> list[Outcome]:
    """Write the index and the report of all shards; return the outcomes of all videos like `prepare`.

    Raises:
        UserError: shards that are missing, not complete or still running.
    """
    store, videos, index = find_work(folder, out, options, index)
    outcomes = merge_reports(reports or store.reports, _work(store, videos), Outcome)
    with store.open(overwrite=False, index=index):
        store.finish(outcomes)
    return outcomes


def _work(store: ProgressStore, videos: list[RawVideo]) -> Work:
    return Work("prepare", tuple(video.key for video in videos), store.record)
