"""Compares what the index names with what a set should hold, and one split with another."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from avseg.data.avsbench.index import SPLITS, ClipEntry
from avseg.data.check.clips import ClipRecord
from avseg.data.check.findings import Finding
from avseg.data.check.published import Expected
from avseg.utils.errors import nearest

_COUNT = "fetch the index file again; for a set of your own add --own"
_TWICE = "leave it out of the training split, or what is tested was trained on"


def split_counts(entries: Iterable[ClipEntry]) -> dict[str, int]:
    """Clips per split."""
    found = Counter(entry.split for entry in entries)
    return {split: found[split] for split in SPLITS}


def check_counts(index: str, entries: list[ClipEntry], expected: Expected) -> Iterator[Finding]:
    """Clips per split and per category against what is expected.

    Args:
        index: the index file's name, for the findings.
        entries: all of its rows.
        expected: the numbers.
    """
    counts = split_counts(entries)
    for split, wanted in expected.splits.items():
        if abs(counts[split] - wanted) > expected.about * wanted:
            about = "about " if expected.about else ""
            text = f"{split}: {counts[split]} clips, expected {about}{wanted} ({expected.source})"
            yield Finding("count", index, text, _COUNT)
    if expected.categories:
        yield from _check_categories(index, Counter(entry.category for entry in entries), expected)


def _check_categories(index: str, counts: Mapping[str, int], expected: Expected) -> Iterator[Finding]:
    known = expected.categories
    for category in sorted(set(counts) - set(known)):
        text = f"category '{category}' ({counts[category]} clips) is none of the {len(known)} published"
        yield Finding("count", index, text + nearest(category, known), _COUNT)
    for category in sorted(set(known) - set(counts)):
        yield Finding("count", index, f"category '{category}' has no clip", _COUNT)
    for category, wanted in expected.clips.items():
        if counts.get(category, wanted) != wanted:
            text = f"category '{category}': {counts[category]} clips, expected {wanted}"
            yield Finding("count", index, text, _COUNT)


def check_twins(records: Iterable[ClipRecord], folders: Mapping[ClipEntry, str]) -> Iterator[Finding]:
    """Clips that stand in two splits: by their name, or by their first frame and their sound.

    Args:
        records: of all clips.
        folders: where a clip's frames are, for the findings.
    """
    names: dict[str, ClipEntry] = {}
    digests: dict[str, ClipEntry] = {}
    for record in sorted(records, key=lambda record: SPLITS.index(record.entry.split)):
        entry = record.entry
        for seen, key, what in ((names, entry.name, "the name"), (digests, record.digest, "first frame and sound")):
            other = seen.setdefault(key, entry) if key else entry
            if other.split != entry.split:
                text = f"has {what} of '{other.name}' in {other.split}"
                yield Finding("duplicate", folders[entry], text, _TWICE)
                break


def check_sizes(records: Iterable[ClipRecord], folders: Mapping[ClipEntry, str]) -> Iterator[Finding]:
    """Clips whose frames have another size than those of most clips."""
    sizes = {record.entry: record.size for record in records if record.size is not None}
    usual = commonest(sizes.values())
    for entry, size in sizes.items():
        if usual is not None and size != usual:
            text = f"frames of {size[0]} x {size[1]}, those of the other clips are {usual[0]} x {usual[1]}"
            yield Finding("size", folders[entry], text, "extract it again: `avseg data prepare`")


def commonest(sizes: Iterable[tuple[int, int]]) -> tuple[int, int] | None:
    """The size that occurs most often; None of none."""
    return next((size for size, _ in Counter(sizes).most_common(1)), None)
