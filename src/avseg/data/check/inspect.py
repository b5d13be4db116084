"""Check a whole data set and compute its statistics: `avseg data check` and `avseg data stats`."""

from collections.abc import Sequence
from operator import attrgetter
from pathlib import Path
from typing import Any

from avseg.data.avsbench.avss import class_names
from avseg.data.avsbench.layout import Layout, layout_for
from avseg.data.check.clips import ClipRecord, ClipRules, Progress, read_clips
from avseg.data.check.counts import check_counts, check_sizes, count_splits, find_duplicates
from avseg.data.check.findings import Finding, Report, reason, relative
from avseg.data.check.labels import check_label_count
from avseg.data.check.long_videos import inspect_long_videos, long_statistics
from avseg.data.check.masks import MaskRules
from avseg.data.check.published import Expected, expected_counts
from avseg.data.check.sounds import TOLERANCE
from avseg.data.check.statistics import Statistics, clip_statistics
from avseg.data.check.stray_files import find_leftovers, find_unknown
from avseg.data.lu_avs.paths import find_paths
from avseg.data.setting import SETTINGS, ClipEntry
from avseg.utils.choices import check_choice
from avseg.utils.errors import UserError
from avseg.utils.processes import usable_cores

ALL_SETTINGS = (*SETTINGS, "lu_avs")


def find_settings(root: Path, setting: str | None = None) -> list[str]:
    """Return the settings of the data sets at a root, which may also hold the release folders of several.

    Raises:
        UserError: unknown folder or setting, or no such set.
    """
    if setting is not None:
        check_choice("setting", setting, ALL_SETTINGS)
    if not root.is_dir():
        raise UserError(f"{root} is not a folder; give that of a data set (`avseg data help` lists them)")
    settings = [name for name in _indexed_settings(root) if setting in (None, name)]
    # a search through many folders, so only if nothing else is there
    if not settings and setting in (None, "lu_avs") and _is_lu_avs(root):
        settings = ["lu_avs"]
    if not settings:
        searched = SETTINGS if setting not in SETTINGS else (setting,)
        names = [layout_for(name, root).index_name for name in searched]
        if setting not in SETTINGS:
            names.append("seg_train.json")  # LU-AVS has several annotation files; one is enough here
        raise UserError(f"{root} holds no index of a data set ({', '.join(names)}); {_suggestion(root)}")
    return settings


def _indexed_settings(root: Path) -> list[str]:
    return [name for name in SETTINGS if layout_for(name, root).index_file.is_file()]


def _is_lu_avs(root: Path) -> bool:
    try:
        find_paths(root)
    except UserError:
        return False
    return True


def _suggestion(root: Path) -> str:
    """Suggest another setting, or a folder above or below."""
    if settings := _indexed_settings(root):
        return f"it holds {', '.join(settings)}"
    for folder in (*list(root.absolute().parents)[:2], *sorted(filter(Path.is_dir, root.iterdir()))):
        if _indexed_settings(folder):
            return f"did you mean {folder}?"
    return "see `avseg data help`"


def inspect_set(
    root: Path,
    setting: str,  # "s4", "ms3", "avss" or "lu_avs"
    expected: Expected | None = None,  # expected content; default: as its generator recorded, otherwise as published
    *,
    jobs: int | None = None,  # number of processes; default: one per core
    min_pixels: int = 10,  # AVSS: the smallest spot that counts as an object
    progress: Progress = lambda done, total: None,  # called with the number of finished clips and of all clips
    records: Sequence[Any] | None = None,  # of all items, read by other processes, see `avseg.data.check.sharded`
) -> Report:
    """Check a data set.

    Raises:
        UserError: unknown folder or setting, or no index.
    """
    (setting,) = find_settings(root, setting)
    jobs = jobs or usable_cores()
    if setting not in SETTINGS:
        return inspect_long_videos(root, expected or expected_counts(root, setting), jobs, progress, records)
    layout = layout_for(setting, root)
    expected = expected or expected_counts(layout.root, setting)
    report = Report(layout.root, setting, expected=dict(expected.splits), source=expected.source)
    report.findings += find_leftovers(layout.root)
    try:
        entries = layout.read_index()
        rules = clip_rules(layout, entries, expected, min_pixels)
    except UserError as error:  # without an index there are no clips to check
        report.findings.append(_index_finding(error, layout.root))
        return report
    if expected.synthetic:
        report.findings += check_label_count(layout)
    if records is None:
        records = read_clips(rules, entries, jobs, progress)
    _add_findings(report, layout, records, expected)
    _add_facts(report, rules, records, expected)
    return report


def clip_rules(layout: Layout, entries: Sequence[ClipEntry], expected: Expected, min_pixels: int = 10) -> ClipRules:
    """Return the expectations for every clip: sounds and masks are expected if any clip of the set has them.

    A synthetic set has all files of the release.
    """
    sounds: list[str] = []
    if any(map(Path.is_file, map(layout.wav, entries))):
        sounds.append("wav")
    synthetic_log_mel = expected.synthetic and layout.has_log_mel
    if synthetic_log_mel or any(map(Path.is_file, map(layout.log_mel, entries))):
        sounds.append("log_mel")
    coding = layout.setting.mask_coding
    names = class_names(layout)
    # in a synthetic set a tiny spot is the visible rest of an object behind another
    masks = MaskRules(names, 0 if expected.synthetic else min_pixels, by_brightness=coding == "black_white")
    has_masks = expected.masks or any(layout.masks(entry)[0].is_file() for entry in entries)
    return ClipRules(
        layout,
        tuple(sounds),
        masks if has_masks else None,
        synthetic=expected.synthetic,
        seconds=expected.seconds,
        short=not expected.masks,
    )


def compute_statistics(
    root: Path, setting: str, *, jobs: int | None = None, progress: Progress = lambda done, total: None
) -> Statistics:
    """Compute the statistics of a data set; unreadable files are left out.

    Raises:
        UserError: unknown folder or setting; an index that cannot be used.
    """
    (setting,) = find_settings(root, setting)
    jobs = jobs or usable_cores()
    if setting not in SETTINGS:
        return long_statistics(root, jobs, progress)
    layout = layout_for(setting, root)
    entries = layout.read_index()
    rules = clip_rules(layout, entries, expected_counts(layout.root, setting))
    records = read_clips(rules, entries, jobs, progress)
    return clip_statistics(setting, records, rules.masks.names if rules.masks is not None else ())


def _add_findings(report: Report, layout: Layout, records: Sequence[ClipRecord], expected: Expected) -> None:
    entries: list[ClipEntry] = []
    folders: dict[ClipEntry, str] = {}  # of the frames, named in findings about whole clips
    for record in records:
        entries.append(record.entry)
        folders[record.entry] = relative(layout.frames(record.entry)[0].parent, layout.root)
        report.findings += record.findings
    report.counts = count_splits(map(attrgetter("split"), entries))
    report.findings += check_counts(layout.index_name, entries, expected)
    report.findings += find_duplicates(records, folders)
    if layout.setting.fixed_size:
        report.findings += check_sizes(records, folders)
    report.findings += find_unknown(layout, entries, more_frames=expected.seconds > 0)


def _add_facts(report: Report, rules: ClipRules, records: Sequence[ClipRecord], expected: Expected) -> None:
    categories: set[str] = set()
    frames = masks = empty = short = 0
    for record in records:
        categories.add(record.entry.category)
        frames += record.frames
        masks += len(record.marked) - record.marked.count(None)
        empty += record.marked.count(0.0)
        seconds = record.sound.seconds
        short += seconds is not None and 0 < seconds < len(record.sound.loud) - TOLERANCE
    categories.discard("")  # MS3 has none
    if rules.layout.setting.single_source and categories:
        published = f" of {len(expected.categories)}" if expected.categories else ""
        report.facts["categories"] = f"{len(categories)}{published}"
    if rules.masks is not None and rules.masks.names:
        report.facts["classes"] = str(len(rules.masks.names))
    report.facts["sound"] = " and ".join(rules.sounds).replace("_", "-") or "none"
    report.facts["frames"] = str(frames)
    if rules.masks is not None:
        report.facts["masks"] = f"{masks} ({empty} empty)"
    else:
        report.notes.append("a prepared set: it has no masks, so none are expected")
    if rules.short and short:
        report.notes.append(f"sounds that are shorter than their clips: {short}; report.json names the videos")
    if not expected.splits:
        report.notes.append("the expected number of clips is unknown")


def _index_finding(error: UserError, root: Path) -> Finding:
    """Split an error of the index into the file and the message."""
    text = reason(error)
    fix = "correct that row or value, or fetch the file again"
    for path in sorted(root.iterdir()):
        if text.startswith(str(path)):
            return Finding("index", path.name, text.removeprefix(str(path)).lstrip(",: "), fix)
    return Finding("index", "", text, fix)
