"""Read a part of a data set, as one of many jobs, and check the whole set with the records of all parts."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from avseg.data.avsbench.layout import layout_for
from avseg.data.check.clips import ClipRecord, Progress, read_clip
from avseg.data.check.findings import Report
from avseg.data.check.inspect import clip_rules, inspect_set
from avseg.data.check.long_videos import read_entries
from avseg.data.check.published import Expected, expected_counts
from avseg.data.check.video_files import VideoRecord, existing_videos, read_video
from avseg.data.lu_avs.paths import find_paths
from avseg.data.setting import SETTINGS
from avseg.utils.errors import UserError
from avseg.utils.iteration import batched
from avseg.utils.processes import ProcessDied, map_in_order, usable_cores
from avseg.utils.ray_jobs import RAY_TRIES, run_ray_jobs
from avseg.utils.shards import Shard, ShardReport, Work, merge_reports

_CHUNK = 16  # items in one job of Ray


@dataclass(frozen=True)
class Reading:
    """A reader of the clips or videos of a set, one by one."""

    work: Work
    items: Sequence[Any]  # in the order of the keys of `work`
    function: Callable[[Any], Any]  # makes the record of an item
    kind: type[Any]  # of the records


def check_shard(
    root: Path,
    setting: str,
    shard: Shard,
    reports: Path,  # folder of the shards' results
    expected: Expected | None = None,
    *,
    jobs: int | None = None,
    ray: str | None = None,  # address of a Ray cluster to run on
    min_pixels: int = 10,
    progress: Progress = lambda done, total: None,
) -> tuple[int, int]:
    """Read the clips or videos of a shard; return their number and that of the findings in their files.

    A shard that was killed continues; one that is complete starts over, since files may have been fixed.
    """
    reading = _plan(root, setting, expected, min_pixels)
    report = ShardReport(reports, reading.work, shard, reading.kind)
    with report.open(overwrite=True) as earlier:
        pending: dict[str, Any] = {}
        for key, item in zip(reading.work.keys, reading.items, strict=True):
            if key in report.keys and key not in earlier:
                pending[key] = item
        records = dict(earlier)
        for key, record in _read(reading, pending, jobs, ray):
            records[key] = record
            report.add({key: record})
            progress(len(records), len(report.keys))
    return len(records), sum(len(record.findings) for record in records.values())


def check_on_ray(
    root: Path,
    setting: str,
    ray: str,
    expected: Expected | None = None,
    *,
    min_pixels: int = 10,
    progress: Progress = lambda done, total: None,
) -> Report:
    """Check a data set like `inspect_set`, its files being read on a Ray cluster."""
    reading = _plan(root, setting, expected, min_pixels)
    records: dict[str, Any] = {}
    for key, record in _read(reading, dict(zip(reading.work.keys, reading.items, strict=True)), None, ray):
        records[key] = record
        progress(len(records), len(reading.items))
    in_order = [records[key] for key in reading.work.keys]
    return inspect_set(root, setting, expected, min_pixels=min_pixels, records=in_order)


def merge_shards(
    root: Path, setting: str, reports: Path, expected: Expected | None = None, *, min_pixels: int = 10
) -> Report:
    """Check the whole set with the records of its shards, like `inspect_set`.

    Raises:
        UserError: shards that are missing or not complete.
    """
    reading = _plan(root, setting, expected, min_pixels)
    records = merge_reports(reports, reading.work, reading.kind)
    return inspect_set(root, setting, expected, min_pixels=min_pixels, records=records)


def _read(reading: Reading, items: Mapping[str, Any], jobs: int | None, ray: str | None) -> Iterator[tuple[str, Any]]:
    """Yield the keys and records of items as they are read."""
    if ray is None or not items:
        yield from zip(items, map_in_order(reading.function, list(items.values()), jobs or usable_cores()), strict=True)
        return
    groups = list(batched(items.items(), _CHUNK))
    for group, records in run_ray_jobs(partial(_read_group, reading.function), groups, ray):
        if isinstance(records, ProcessDied):
            raise UserError(f"--ray {ray}: a worker died {RAY_TRIES} times near {group[0][0]} (out of memory?)")
        yield from records


def _read_group(function: Callable[[Any], Any], group: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
    return [(key, function(item)) for key, item in group]


def _plan(root: Path, setting: str, expected: Expected | None, min_pixels: int) -> Reading:
    options = {"root": str(root.resolve()), "min_pixels": min_pixels, "expected": expected and expected.source}
    if setting not in SETTINGS:
        tree = find_paths(root)
        videos = existing_videos(tree, list(read_entries(tree, [])))
        work = Work(f"check-{setting}", tuple(entry.id for entry in videos), options)
        return Reading(work, videos, partial(read_video, tree), VideoRecord)
    layout = layout_for(setting, root)
    try:
        clips = layout.read_index()
        rules = clip_rules(layout, clips, expected or expected_counts(layout.root, setting), min_pixels)
    except UserError:  # a finding of the whole set: without an index there are no clips to read
        return Reading(Work(f"check-{setting}", (), options, "clips"), [], str, ClipRecord)
    counts: Counter[str] = Counter()
    keys: list[str] = []
    for clip in clips:
        key = f"{clip.split}/{clip.category}/{clip.name}"
        counts[key] += 1
        keys.append(f"{key}#{counts[key]}")  # an index may list a clip twice
    work = Work(f"check-{setting}", tuple(keys), options, "clips")
    return Reading(work, clips, partial(read_clip, rules), ClipRecord)
