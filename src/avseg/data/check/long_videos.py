"""Check a LU-AVS release: annotation files, videos, and the arrays of every audible segment."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from operator import attrgetter
from pathlib import Path

from avseg.data.check.clips import Progress
from avseg.data.check.counts import FIX_DUPLICATE, count_splits
from avseg.data.check.findings import Finding, Report, reason, relative
from avseg.data.check.published import RELEASED, Expected
from avseg.data.check.statistics import SplitStatistics, Statistics, group_by_split
from avseg.data.check.stray_files import find_leftovers
from avseg.data.check.video_files import VideoRecord, read_videos
from avseg.data.lu_avs.annotations import Entry, read_annotations
from avseg.data.lu_avs.paths import ReleasePaths, find_paths, folder_name
from avseg.data.lu_avs.release import has_masks
from avseg.data.setting import SPLITS
from avseg.utils.errors import UserError

_FIX_JSON = "download the annotation file again, or correct it"
_FIX_UNKNOWN = "remove it, or download the annotation files again"
_FIX_COUNT = "download all annotation files; for a set of your own add --own"
_FIX_VIDEO = "unpack the videos below the root, or continue with data.skip_missing=true"
_MIN_RELEASE = 1000  # annotated videos from which a set is taken for the published one


def inspect_long_videos(
    root: Path, expected: Expected, jobs: int, progress: Progress, records: Sequence[VideoRecord] | None = None
) -> Report:
    """Check a release; see `avseg.data.check.inspect.inspect_set`."""
    tree = find_paths(root)
    report = Report(root, "lu_avs", expected=dict(expected.splits), source=expected.source)
    report.findings += find_leftovers(root)
    entries = list(read_entries(tree, report.findings))
    report.counts = count_splits(map(attrgetter("subset"), entries))
    report.findings += _check_labels(tree, entries)
    labels: Counter[str] = Counter()  # label -> audible segments
    for entry in entries:
        labels.update(label for _, _, label, _ in entry.segments)
    with_masks = sum(map(has_masks, entries))
    videos = {"with masks": with_masks, "boxes alone": len(entries) - with_masks}
    report.findings += _check_counts(report, entries, videos, len(labels), expected)
    _check_missing(report, tree, entries, expected)
    if records is None:
        records = read_videos(tree, entries, jobs, progress)
    for record in records:
        report.findings += record.findings
    report.findings += _find_duplicates(records, tree)
    report.findings += _find_unknown(tree, entries)
    report.facts["videos with masks"] = str(videos["with masks"])
    report.facts["boxes alone"] = str(videos["boxes alone"])
    report.facts["audible segments"] = str(labels.total())
    report.facts["labels"] = str(len(labels))
    return report


def long_statistics(root: Path, jobs: int, progress: Progress) -> Statistics:
    """Compute the statistics of a release; see `avseg.data.check.inspect.compute_statistics`."""
    tree = find_paths(root)
    records = read_videos(tree, list(read_entries(tree, [])), jobs, progress)
    groups = group_by_split(records, lambda record: record.entry.subset)
    return Statistics("lu_avs", {split: _split_statistics(group) for split, group in groups.items()})


def _split_statistics(records: list[VideoRecord]) -> SplitStatistics:
    split = SplitStatistics(clips=len(records))
    categories: Counter[str] = Counter()
    silent = 0.0
    for record in records:
        split.frames += record.frames
        split.annotated += len(record.segments)
        split.seconds.append(record.seconds)
        split.mask_sizes += record.shares
        silent += record.silent
        for seconds, label in record.segments:
            split.segments.append(seconds)
            categories[label] += 1
    split.silent = silent / max(sum(split.seconds), 1e-9)  # share of the time, not of frames
    split.categories = dict(categories)
    return split


def read_entries(tree: ReleasePaths, findings: list[Finding]) -> Iterator[Entry]:
    """Yield the videos of all annotation files; report unusable files and videos that are listed twice."""
    files: dict[str, Path] = {}  # video -> annotation file
    for path in tree.annotation_files:
        file = relative(path, tree.root)
        try:
            entries = read_annotations(path)
        except UserError as error:
            findings.append(Finding("index", file, reason(error, path), _FIX_JSON))
            continue
        for entry in entries:
            if entry.id in files:
                text = f"video '{entry.id}' is in {files[entry.id].name} already"
                findings.append(Finding("duplicate", file, text, "remove one of the two"))
                continue
            files[entry.id] = path
            yield entry


def _check_labels(tree: ReleasePaths, entries: list[Entry]) -> Iterator[Finding]:
    """Check that label ids and labels correspond one to one.

    The most frequent pairs count as correct; contradictions are reported once per video.
    """
    pairs: Counter[tuple[str, int]] = Counter()
    for entry in entries:
        pairs.update((label, label_id) for _, _, label, label_id in entry.segments)
    ids: dict[str, int] = {}
    labels: dict[int, str] = {}
    for (label, label_id), _ in pairs.most_common():
        ids.setdefault(label, label_id)
        labels.setdefault(label_id, label)
    for entry in entries:
        for _, _, label, label_id in entry.segments:
            if ids[label] != label_id or labels[label_id] != label:
                usual = f"elsewhere '{labels[label_id]}' {ids[label]}"
                text = f"video '{entry.id}': '{label}' has label_id {label_id}, {usual}"
                yield Finding("index", relative(entry.file, tree.root), text, _FIX_JSON)
                break


def _check_counts(
    report: Report, entries: list[Entry], videos: dict[str, int], labels: int, expected: Expected
) -> Iterator[Finding]:
    for split, count in expected.splits.items():
        if report.counts[split] != count:
            text = f"{split}: {report.counts[split]} videos, expected {count} ({expected.source})"
            yield Finding("count", "", text, _FIX_JSON)
    if any(map(attrgetter("in_seconds"), entries)):  # UnAV-100, the source of LU-AVS, has other counts
        return
    for annotation, count in expected.videos.items():
        if not RELEASED * count <= videos[annotation] <= count:
            text = f"{videos[annotation]} videos {annotation}, published are {count} (about a tenth was never released)"
            yield Finding("count", "", text, _FIX_COUNT)
    if expected.labels and labels > expected.labels:
        yield Finding("count", "", f"{labels} labels, published are {expected.labels}", _FIX_JSON)


def _check_missing(report: Report, tree: ReleasePaths, entries: list[Entry], expected: Expected) -> None:
    """Report missing videos and segment folders; in the published release some videos may be missing."""
    missing = [entry for entry in entries if entry.id not in tree.videos]
    is_release = not expected.synthetic and len(entries) >= _MIN_RELEASE
    if missing and is_release and len(missing) <= (1 - RELEASED) * len(entries):
        share = 100 * len(missing) / len(entries)
        text = f"{len(missing)} of {len(entries)} annotated videos do not exist ({share:.1f} %)"
        report.notes.append(f"{text}; about a tenth was never released: continue with data.skip_missing=true")
    else:
        for entry in missing:
            text = f"video '{entry.id}' was not found below the root"
            report.findings.append(Finding("missing", relative(entry.file, tree.root), text, _FIX_VIDEO))
    for entry in entries:
        # segments in seconds (UnAV-100) have no masks or boxes
        for start, end, label, _ in () if entry.in_seconds else entry.segments:
            if tree.folder(entry.id, label, int(start), int(end)) is None:
                name = folder_name(entry.id, label, int(start), int(end))
                text = "the segment's folder was not found below the root"
                report.findings.append(Finding("missing", name, text, "unpack the annotations below the root"))


def _find_duplicates(records: Iterable[VideoRecord], tree: ReleasePaths) -> Iterator[Finding]:
    """Yield videos that are in two splits under different names."""
    first_entries: dict[str, Entry] = {}  # by content; training first
    for record in sorted(records, key=lambda record: SPLITS.index(record.entry.subset)):
        entry = record.entry
        first = first_entries.setdefault(record.digest, entry)
        if record.digest and first.subset != entry.subset:
            text = f"is the same file as '{first.id}' in {first.subset}"
            yield Finding("duplicate", relative(tree.videos[entry.id], tree.root), text, FIX_DUPLICATE)


def _find_unknown(tree: ReleasePaths, entries: list[Entry]) -> Iterator[Finding]:
    listed = set(map(attrgetter("id"), entries))
    for name in sorted(set(tree.videos) - listed):
        text = "no annotation file names this video"
        yield Finding("unknown", relative(tree.videos[name], tree.root), text, _FIX_UNKNOWN)
    used: set[Path | None] = set()  # segment folders that an annotation names
    for entry in entries:
        for start, end, label, _ in () if entry.in_seconds else entry.segments:
            used.add(tree.folder(entry.id, label, int(start), int(end)))
    for folders in tree.segment_folders.values():
        for path in sorted(set(folders.values()) - used):
            yield Finding("unknown", relative(path, tree.root), "no annotation names this segment", _FIX_UNKNOWN)
