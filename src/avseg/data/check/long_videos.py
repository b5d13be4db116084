"""Checks a LU-AVS release: annotation files, videos, and the arrays of every audible segment."""

from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from avseg.data.avsbench.index import SPLITS
from avseg.data.check.findings import Finding, Report, reason, relative
from avseg.data.check.jobs import spread
from avseg.data.check.published import RELEASED, Expected
from avseg.data.check.statistics import SplitStatistics, Statistics
from avseg.data.check.stray_files import find_leftovers
from avseg.data.check.video_files import FilmRecord, read_film
from avseg.data.lu_avs.annotations import Entry, read_annotations
from avseg.data.lu_avs.paths import Places, find_places, folder_name
from avseg.data.lu_avs.release import has_masks
from avseg.utils.errors import UserError

_JSON = "download the annotation file again, or correct it"
_UNKNOWN = "remove it, or download the annotation files again"
_TWICE = "leave it out of the training split, or what is tested was trained on"
_FEW = 100  # videos for which a process of its own pays


def inspect_long_videos(root: Path, expected: Expected, jobs: int, tell: Callable[[int, int], None]) -> Report:
    """Checks a release; see `avseg.data.check.inspect.inspect_set`."""
    places = find_places(root)
    report = Report(root, "lu_avs", expected=dict(expected.splits), source=expected.source)
    report.findings += find_leftovers(root)
    entries = list(read_entries(places, report.findings))
    report.counts = {split: sum(entry.subset == split for entry in entries) for split in SPLITS}
    report.findings += _check_labels(places, entries)
    report.findings += _check_counts(report, entries, expected)
    _check_missing(report, places, entries, expected)
    records = read_films(places, entries, jobs, tell)
    report.findings += [finding for record in records for finding in record.findings]
    report.findings += _check_twins(records, places)
    report.findings += _find_unknown(places, entries)
    _add_facts(report, entries)
    return report


def long_statistics(root: Path, jobs: int, tell: Callable[[int, int], None]) -> Statistics:
    """Counts what a release holds; see `avseg.data.check.inspect.statistics_of`."""
    places = find_places(root)
    splits = {split: SplitStatistics() for split in SPLITS}
    silent = dict.fromkeys(SPLITS, 0.0)
    for record in read_films(places, list(read_entries(places, [])), jobs, tell):
        split = splits[record.entry.subset]
        split.clips += 1
        split.frames += record.frames
        split.annotated += len(record.segments)
        split.seconds.append(record.seconds)
        split.segments += [seconds for seconds, _ in record.segments]
        split.mask_sizes += record.shares
        silent[record.entry.subset] += record.silent
        for _, label in record.segments:
            split.categories[label] = split.categories.get(label, 0) + 1
    for name, split in splits.items():
        split.silent = silent[name] / max(sum(split.seconds), 1e-9)
    return Statistics("lu_avs", {name: split for name, split in splits.items() if split.clips})


def read_entries(places: Places, findings: list[Finding]) -> Iterator[Entry]:
    """The videos of all annotation files; what is wrong with the files is noted, a second entry of a video left out."""
    known: dict[str, Entry] = {}
    for path in places.jsons:
        where = relative(path, places.root)
        try:
            entries = read_annotations(path)
        except UserError as error:
            findings.append(Finding("index", where, reason(error, path), _JSON))
            continue
        for entry in entries:
            if entry.id in known:
                text = f"video '{entry.id}' is in {known[entry.id].file.name} already"
                findings.append(Finding("duplicate", where, text, "remove one of the two"))
                continue
            known[entry.id] = entry
            yield entry


def _check_labels(places: Places, entries: list[Entry]) -> Iterator[Finding]:
    """One id must mean one label: what contradicts the most is noted, once for each video."""
    pairs = Counter((label, number) for entry in entries for *_, label, number in entry.segments)
    ids: dict[str, int] = {}
    labels: dict[int, str] = {}
    for (label, number), _ in pairs.most_common():
        ids.setdefault(label, number)
        labels.setdefault(number, label)
    for entry in entries:
        for *_, label, number in entry.segments:
            if ids[label] != number or labels[number] != label:
                text = f"video '{entry.id}': '{label}' has label_id {number}, elsewhere '{labels[number]}' {ids[label]}"
                yield Finding("index", relative(entry.file, places.root), text, _JSON)
                break


def read_films(places: Places, entries: list[Entry], jobs: int, tell: Callable[[int, int], None]) -> list[FilmRecord]:
    """The records of the videos that are there."""
    there = [entry for entry in entries if entry.id in places.videos]
    records = []
    for record in spread(partial(read_film, places), there, jobs, _FEW):
        records.append(record)
        tell(len(records), len(there))
    return records


def _check_counts(report: Report, entries: list[Entry], expected: Expected) -> Iterator[Finding]:
    for split, wanted in expected.splits.items():
        if report.counts[split] != wanted:
            text = f"{split}: {report.counts[split]} videos, expected {wanted} ({expected.source})"
            yield Finding("count", "", text, _JSON)
    if any(entry.in_seconds for entry in entries):  # UnAV-100, of which LU-AVS was made
        return
    counts = {"with masks": sum(map(has_masks, entries)), "boxes alone": sum(not has_masks(entry) for entry in entries)}
    for kind, wanted in expected.videos.items():
        if not RELEASED * wanted <= counts[kind] <= wanted:
            text = f"{counts[kind]} videos {kind}, published are {wanted} (about a tenth was never released)"
            yield Finding("count", "", text, "download all annotation files; for a set of your own add --own")
    labels = {label for entry in entries for *_, label, _ in entry.segments}
    if expected.labels and len(labels) > expected.labels:
        yield Finding("count", "", f"{len(labels)} labels, published are {expected.labels}", _JSON)


def _check_missing(report: Report, places: Places, entries: list[Entry], expected: Expected) -> None:
    """Videos and segment folders that are not there; of the release a part of the videos may be missing."""
    missing = [entry for entry in entries if entry.id not in places.videos]
    released = not expected.made and len(missing) <= (1 - RELEASED) * len(entries) and len(entries) >= 1000
    if missing and released:
        share = 100 * len(missing) / len(entries)
        text = f"{len(missing)} of {len(entries)} annotated videos are not there ({share:.1f} %)"
        report.notes.append(f"{text}; about a tenth was never released: go on with data.options.skip_missing=true")
    elif missing:
        where = {entry.id: relative(entry.file, places.root) for entry in missing}
        mend = "unpack the videos below the root, or go on with data.options.skip_missing=true"
        report.findings += [
            Finding("missing", where[entry.id], f"video '{entry.id}' is nowhere below the root", mend)
            for entry in missing
        ]
    for entry in entries:
        for start, end, label, _ in () if entry.in_seconds else entry.segments:
            if places.folder(entry.id, label, int(start), int(end)) is None:
                name = folder_name(entry.id, label, int(start), int(end))
                mend = "unpack the annotations below the root"
                report.findings.append(Finding("missing", name, "the segment's folder is nowhere below the root", mend))


def _check_twins(records: list[FilmRecord], places: Places) -> Iterator[Finding]:
    """The same video under two names in two splits."""
    digests: dict[str, FilmRecord] = {}
    for record in sorted(records, key=lambda record: SPLITS.index(record.entry.subset)):
        other = digests.setdefault(record.digest, record)
        if other.entry.subset != record.entry.subset:
            text = f"is the same file as '{other.entry.id}' in {other.entry.subset}"
            yield Finding("duplicate", relative(places.videos[record.entry.id], places.root), text, _TWICE)


def _find_unknown(places: Places, entries: list[Entry]) -> Iterator[Finding]:
    known = {entry.id for entry in entries}
    for name in sorted(set(places.videos) - known):
        text = "no annotation file names this video"
        yield Finding("unknown", relative(places.videos[name], places.root), text, _UNKNOWN)
    used = {
        places.folder(entry.id, label, int(start), int(end))
        for entry in entries
        if not entry.in_seconds
        for start, end, label, _ in entry.segments
    }
    for folders in places.folders.values():
        for path in sorted(set(folders.values()) - used):
            yield Finding("unknown", relative(path, places.root), "no annotation names this segment", _UNKNOWN)


def _add_facts(report: Report, entries: list[Entry]) -> None:
    segments = Counter(label for entry in entries for *_, label, _ in entry.segments)
    report.facts["videos with masks"] = str(sum(map(has_masks, entries)))
    report.facts["boxes alone"] = str(sum(not has_masks(entry) for entry in entries))
    report.facts["audible segments"] = str(sum(segments.values()))
    report.facts["labels"] = str(len(segments))
