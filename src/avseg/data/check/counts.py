"""Compare the index with the expected counts, and one split with another."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from operator import attrgetter

from avseg.data.check.clips import ClipRecord
from avseg.data.check.findings import Finding
from avseg.data.check.published import Expected
from avseg.data.setting import SPLITS, ClipEntry
from avseg.utils.errors import nearest

_FETCH_INDEX = "fetch the index file again; for a set of your own add --own"
FIX_DUPLICATE = "remove it from the training split, otherwise test clips are trained on"


def count_splits(splits: Iterable[str]) -> dict[str, int]:
    """Return the number of clips or videos per split."""
    counts = dict.fromkeys(SPLITS, 0)
    for split in splits:
        counts[split] += 1
    return counts


def check_counts(index: str, entries: list[ClipEntry], expected: Expected) -> Iterator[Finding]:
    """Compare clips per split and per category with the expected counts; `index` is the name of the index file."""
    counts = count_splits(map(attrgetter("split"), entries))
    for split, count in expected.splits.items():
        # exact unless the published numbers are approximate
        if abs(counts[split] - count) > expected.tolerance * count:
            qualifier = "about " if expected.tolerance else ""
            text = f"{split}: {counts[split]} clips, expected {qualifier}{count} ({expected.source})"
            yield Finding("count", index, text, _FETCH_INDEX)
    if expected.categories:
        yield from _check_categories(index, Counter(map(attrgetter("category"), entries)), expected)


def _check_categories(index: str, counts: Mapping[str, int], expected: Expected) -> Iterator[Finding]:
    published = expected.categories
    for category in sorted(set(counts) - set(published)):
        text = f"category '{category}' ({counts[category]} clips) is not one of the {len(published)} published"
        yield Finding("count", index, text + nearest(category, published), _FETCH_INDEX)
    for category in sorted(set(published) - set(counts)):
        yield Finding("count", index, f"category '{category}' has no clips", _FETCH_INDEX)
    for category, count in expected.clips.items():
        if counts.get(category, count) != count:  # an absent category is reported above
            text = f"category '{category}': {counts[category]} clips, expected {count}"
            yield Finding("count", index, text, _FETCH_INDEX)


def find_duplicates(records: Iterable[ClipRecord], folders: Mapping[ClipEntry, str]) -> Iterator[Finding]:
    """Yield clips in two splits by their name or by first frame and sound; `folders` are those of the clips' frames."""
    names: dict[str, ClipEntry] = {}  # the first clip of each name
    digests: dict[str, ClipEntry] = {}  # the first clip of each content
    # training first, so that the duplicate in validation or test is reported
    for record in sorted(records, key=lambda record: SPLITS.index(record.entry.split)):
        entry = record.entry
        by_name = names.setdefault(entry.name, entry)
        by_content = digests.setdefault(record.digest, entry) if record.digest else entry
        if by_name.split != entry.split:
            text = f"has the name of '{by_name.name}' in {by_name.split}"
            yield Finding("duplicate", folders[entry], text, FIX_DUPLICATE)
        elif by_content.split != entry.split:
            text = f"has first frame and sound of '{by_content.name}' in {by_content.split}"
            yield Finding("duplicate", folders[entry], text, FIX_DUPLICATE)


def check_sizes(records: Iterable[ClipRecord], folders: Mapping[ClipEntry, str]) -> Iterator[Finding]:
    """Yield clips whose frames differ in size from those of most clips."""
    sizes = {record.entry: record.size for record in records if record.size is not None}
    if not sizes:
        return
    width, height = Counter(sizes.values()).most_common(1)[0][0]
    for entry, size in sizes.items():
        if size != (width, height):
            text = f"frames of {size[0]} x {size[1]}, those of the other clips are {width} x {height}"
            yield Finding("size", folders[entry], text, "extract it again: `avseg data prepare`")
