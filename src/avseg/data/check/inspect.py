"""Looks through a whole set: the check and the statistics of `avseg data`."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from avseg.data.avsbench.avss import read_class_names
from avseg.data.avsbench.layout import SETTINGS, AVSSLayout, ClipEntry, Layout, layout_for
from avseg.data.check.clips import ClipRecord, ClipRules, read_clip
from avseg.data.check.counts import check_counts, check_sizes, check_twins, split_counts
from avseg.data.check.findings import Finding, Report, reason, relative
from avseg.data.check.jobs import default_jobs, spread
from avseg.data.check.masks import MaskRules
from avseg.data.check.published import Expected, expected_of
from avseg.data.check.sounds import SLACK
from avseg.data.check.statistics import Statistics, clip_statistics
from avseg.data.check.stray_files import find_leftovers, find_unknown
from avseg.utils.errors import UserError, nearest

ALL_SETTINGS = (*SETTINGS, "lu_avs")
Tell = Callable[[int, int], None]  # what is done, of how many


def find_settings(root: Path, setting: str | None = None) -> list[str]:
    """The settings whose data lie at a root.

    Args:
        root: a set's folder, or a folder that holds the release folders of several.
        setting: look for this one alone.

    Raises:
        UserError: no such folder or setting, or nothing of the kind there.
    """
    if setting is not None and setting not in ALL_SETTINGS:
        allowed = ", ".join(ALL_SETTINGS)
        raise UserError(f"setting '{setting}' is unknown; allowed: {allowed}{nearest(setting, ALL_SETTINGS)}")
    if not root.is_dir():
        raise UserError(f"{root} is no folder; name that of a data set (`avseg data help` lists them)")
    asked = ALL_SETTINGS if setting is None else (setting,)
    found = [name for name in _indexed(root) if name in asked]
    if not found and "lu_avs" in asked:
        found = ["lu_avs"] if _holds_long_videos(root) else []
    if not found:
        names = ", ".join([*(layout_for(name, root).index_name for name in SETTINGS), "seg_train.json"])
        wanted = layout_for(setting, root).index_name if setting in SETTINGS else names
        raise UserError(f"{root} holds no index of a data set ({wanted}); {_instead(root)}")
    return found


def _indexed(root: Path) -> list[str]:
    return [name for name in SETTINGS if layout_for(name, root).index_file.is_file()]


def _instead(root: Path) -> str:
    """What may have been meant: another setting, or a folder above or below."""
    if here := _indexed(root):
        return f"it holds {', '.join(here)}"
    near = (*list(root.absolute().parents)[:2], *sorted(path for path in root.iterdir() if path.is_dir()))
    place = next((path for path in near if _indexed(path)), None)
    return "see `avseg data help`" if place is None else f"did you mean {place}?"


def inspect_set(
    root: Path,
    setting: str,
    expected: Expected | None = None,
    *,
    jobs: int | None = None,
    least: int = 10,
    tell: Tell = lambda done, total: None,
) -> Report:
    """Checks a set.

    Args:
        root: its folder.
        setting: "s4", "ms3", "avss" or "lu_avs".
        expected: what it should hold; default: its maker's note, else as published.
        jobs: processes; default: one for each processor.
        least: AVSS: the smallest spot that may be an object, in pixels.
        tell: called with the number of clips that are done and of all.

    Raises:
        UserError: no such folder, setting or index.
    """
    (setting,) = find_settings(root, setting)
    jobs = default_jobs() if jobs is None else jobs
    layout = None if setting == "lu_avs" else layout_for(setting, root)
    if expected is None:
        expected = expected_of(root if layout is None else layout.root, setting)
    if layout is None:
        from avseg.data.check.long_videos import inspect_long_videos

        return inspect_long_videos(root, expected, jobs, tell)
    report = Report(layout.root, setting, expected=dict(expected.splits), source=expected.source)
    report.findings += find_leftovers(layout.root)
    try:
        entries = layout.read_index()
        rules = rules_of(layout, entries, expected, least)
    except UserError as error:
        file, what = _place(error, layout.root)
        report.findings.append(Finding("index", file, what, "mend that place, or fetch the file again"))
        return report
    records = read_clips(rules, entries, jobs, tell)
    _gather(report, rules, records, expected)
    return report


def read_clips(rules: ClipRules, entries: Sequence[ClipEntry], jobs: int, tell: Tell) -> list[ClipRecord]:
    """The records of all clips, in their order."""
    records = []
    for record in spread(partial(read_clip, rules), entries, jobs):
        records.append(record)
        tell(len(records), len(entries))
    return records


def rules_of(layout: Layout, entries: Sequence[ClipEntry], expected: Expected, least: int = 10) -> ClipRules:
    """How the clips of a set are looked at: sounds and masks are asked for where any clip has them.

    Raises:
        UserError: AVSS: the class names cannot be read.
    """
    files = {"wav": layout.wav, "log_mel": layout.log_mel}
    sounds = tuple(kind for kind, place in files.items() if any(place(entry).is_file() for entry in entries))
    names = read_class_names(layout.label_file) if isinstance(layout, AVSSLayout) else ()
    # of made sets every spot is what is left of an object behind another
    masks = MaskRules(names, 0 if expected.made else least, layout.setting == "s4")
    with_masks = expected.masks or any(path.is_file() for entry in entries for path in layout.masks(entry)[:1])
    return ClipRules(
        layout, sounds, masks if with_masks else None, expected.made, expected.seconds, short=not expected.masks
    )


def statistics_of(
    root: Path, setting: str, *, jobs: int | None = None, tell: Tell = lambda done, total: None
) -> Statistics:
    """Counts what a set holds; what cannot be read is left out.

    Raises:
        UserError: no such folder, setting or index; an index that cannot be used.
    """
    (setting,) = find_settings(root, setting)
    jobs = default_jobs() if jobs is None else jobs
    if setting == "lu_avs":
        from avseg.data.check.long_videos import long_statistics

        return long_statistics(root, jobs, tell)
    layout = layout_for(setting, root)
    entries = layout.read_index()
    rules = rules_of(layout, entries, expected_of(layout.root, setting))
    return clip_statistics(
        setting, read_clips(rules, entries, jobs, tell), rules.masks.names if rules.masks is not None else ()
    )


def _gather(report: Report, rules: ClipRules, records: list[ClipRecord], expected: Expected) -> None:
    layout = rules.layout
    entries = [record.entry for record in records]
    folders = {entry: relative(layout.frames(entry)[0].parent, layout.root) for entry in entries}
    report.counts = split_counts(entries)
    report.findings += check_counts(layout.index_name, entries, expected)
    report.findings += [finding for record in records for finding in record.findings]
    report.findings += check_twins(records, folders)
    if layout.setting != "avss":  # its videos have sizes of their own
        report.findings += check_sizes(records, folders)
    report.findings += find_unknown(layout, entries, more_frames=expected.seconds > 0)
    _add_facts(report, rules, records, expected)


def _add_facts(report: Report, rules: ClipRules, records: list[ClipRecord], expected: Expected) -> None:
    categories = {record.entry.category for record in records} - {""}
    if report.setting == "s4" and categories:
        wanted = f" of {len(expected.categories)}" if expected.categories else ""
        report.facts["categories"] = f"{len(categories)}{wanted}"
    if rules.masks is not None and rules.masks.names:
        report.facts["classes"] = str(len(rules.masks.names))
    report.facts["sound"] = " and ".join(rules.sounds).replace("_", "-") or "none"
    shares = [share for record in records for share in record.marked if share is not None]
    report.facts["frames"] = str(sum(record.frames for record in records))
    if rules.masks is not None:
        report.facts["masks"] = f"{len(shares)} ({shares.count(0.0)} empty)"
    else:
        report.notes.append("a prepared set: it has no masks, so none are asked for")
    short = [
        seconds for record in records if (seconds := record.heard.seconds) and seconds < len(record.heard.loud) - SLACK
    ]
    if rules.short and short:
        report.notes.append(
            f"sounds that are shorter than their clips: {len(short)}; report.json tells of which videos"
        )
    if not expected.splits:
        report.notes.append("nothing is known about how many clips it should hold")


def _place(error: UserError, root: Path) -> tuple[str, str]:
    """The file that an error of the index is about, and what it says about it."""
    text = reason(error)
    file = next((path for path in sorted(root.iterdir()) if text.startswith(str(path))), None)
    return ("", text) if file is None else (file.name, text.removeprefix(str(file)).lstrip(",: "))


def _holds_long_videos(root: Path) -> bool:
    # its package brings Lightning: seconds, which each process that reads clips would spend, too
    from avseg.data.lu_avs.paths import find_places

    try:
        find_places(root)
    except UserError:
        return False
    return True
