"""Export all videos of a project as one data set: splits, stable ids of classes, one file per split."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from avseg import __version__
from avseg.annotate.dataset.classes import add_classes
from avseg.annotate.dataset.splits import assign_splits
from avseg.annotate.document.document import Document
from avseg.annotate.export import coco, missing_masks
from avseg.annotate.export.folder import export_folder
from avseg.annotate.export.provenance import write_provenance
from avseg.annotate.export.source import REJECTED, ExportSource
from avseg.annotate.project import Project
from avseg.data.avsbench.layout import layout_for
from avseg.data.palette import AVSS_CLASSES
from avseg.data.setting import SPLITS
from avseg.utils.choices import check_choice
from avseg.utils.errors import UserError
from avseg.utils.names import printable

FORMATS = ("lu_avs", "avsbench", "coco")


@dataclass(frozen=True)
class VideoCheck:
    """The state of a video before an export."""

    name: str
    status: str
    split: str
    segments: int  # that are exported
    remark: str  # missing and stale masks, or why the video is left out
    exported: bool


@dataclass
class ProjectExport:
    """The result of an export."""

    path: Path
    videos: dict[str, list[str]] = field(default_factory=dict)  # names by split
    left_out: dict[str, str] = field(default_factory=dict)  # reasons by name


def check_project(project: Project, format: str) -> list[VideoCheck]:
    """Name what is missing or stale in each video before anything is written; assigns splits."""
    check_choice("format", format, FORMATS)
    names = project.names()
    splits = assign_splits(project.folder, names)
    return [_check_video(project, name, splits[name], format) for name in names]


def export_project(
    project: Project,
    format: str,  # one of `FORMATS`
    out: Path,
    *,
    setting: str = "ms3",  # of avsbench
    pictures: bool = False,  # coco: the frames too
    overwrite: bool = False,
    advance: Callable[[str], None] = lambda _: None,  # called with the name of each video before it is written
) -> ProjectExport:
    """Write one data set of all videos that have an audible segment.

    Raises:
        UserError: unknown format, nothing to export, names that clash, a folder that is not empty, a full disk.
    """
    checks = [check for check in check_project(project, format) if check.exported]
    if not checks:
        raise UserError(f"{project.folder}: no video has an audible segment; mark one before the export")
    labels = _labels(project, checks)
    if format == "avsbench" and setting == "avss" and len(labels) >= AVSS_CLASSES:
        raise UserError(f"{len(labels)} classes: AVSS distinguishes {AVSS_CLASSES - 1}; export lu_avs, or setting ms3")
    result = ProjectExport(out)
    sources: dict[str, list[ExportSource]] = {split: [] for split in SPLITS}
    for check in checks:
        source = ExportSource(project.open(check.name), project.video(check.name), labels)
        sources[check.split].append(source)
    _check_names(sources)
    writer = _WRITERS[format]
    try:
        with export_folder(out, overwrite, project.folder) as folder:
            options = {"setting": setting, "pictures": pictures}
            writer(folder, sources, labels, options, result, advance)
            _write_provenance(folder, project, format, sources, labels, result)
    except OSError as error:
        reason = error.strerror or error
        raise UserError(f"{out}: cannot be written ({reason}); free disk space or fix the permissions") from None
    return result


def _check_video(project: Project, name: str, split: str, format: str) -> VideoCheck:
    printed = printable(name)
    try:
        document: Document = project.open(name)
    except UserError as error:
        return VideoCheck(printed, "broken", split, 0, str(error), False)
    segments = sum(segment.status != REJECTED for segment in document.segments.values())
    if document.status == "skipped":
        return VideoCheck(printed, document.status, split, segments, "left out: the video is skipped", False)
    if not segments:
        return VideoCheck(printed, document.status, split, 0, "left out: no audible segment", False)
    remark = missing_masks(document, format)
    return VideoCheck(name, document.status, split, segments, remark, True)


def _labels(project: Project, checks: Sequence[VideoCheck]) -> list[str]:
    used: set[str] = set()
    for check in checks:
        used.update(item.label for item in project.open(check.name).objects.values())
    return [item.name for item in add_classes(project.folder, used)]


def _check_names(sources: dict[str, list[ExportSource]]) -> None:
    """Refuse two videos that would share their files."""
    names: dict[str, str] = {}
    for split in sources.values():
        for source in split:
            first = names.setdefault(source.video_id, source.video.path.name)
            if first != source.video.path.name:
                raise UserError(f"{first} and {source.video.path.name} have the same name in an export; rename one")


_Sources = dict[str, list[ExportSource]]
_Advance = Callable[[str], None]
_Options = dict[str, object]


def _write_lu_avs(
    folder: Path, sources: _Sources, labels: Sequence[str], _: _Options, result: ProjectExport, advance: _Advance
) -> None:
    from avseg.annotate.export import lu_avs  # imports torch

    ids = {label: index for index, label in enumerate(labels)}
    for split, videos in sources.items():
        entries = {}
        for source in videos:
            advance(source.video.path.name)
            entries[source.video_id] = lu_avs.write_video(folder, source, split, ids)
            result.videos.setdefault(split, []).append(source.video.path.name)
        if entries:
            lu_avs.write_entries(folder, split, entries)


def _write_avsbench(
    folder: Path, sources: _Sources, labels: Sequence[str], options: _Options, result: ProjectExport, advance: _Advance
) -> None:
    from avseg.annotate.export import avsbench  # imports torch

    check_choice("setting", str(options["setting"]), avsbench.SETTINGS)
    layout = layout_for(str(options["setting"]), folder)
    entries = []
    for split, videos in sources.items():
        for source in videos:
            name = source.video.path.name
            advance(name)
            try:
                entries += avsbench.write_video(layout, source, split)
                result.videos.setdefault(split, []).append(name)
            except UserError as error:  # too short for a clip
                result.left_out[name] = str(error)
    if not entries:
        raise UserError("; ".join(result.left_out.values()))
    avsbench.write_index(layout, entries, labels)


def _write_coco(
    folder: Path, sources: _Sources, labels: Sequence[str], options: _Options, result: ProjectExport, advance: _Advance
) -> None:
    for split, videos in sources.items():
        if not videos:
            continue
        for source in videos:
            advance(source.video.path.name)
            if options["pictures"]:
                coco.write_pictures(folder, source)
        coco.write_sources(folder, videos, labels, f"_{split}")
        result.videos[split] = [source.video.path.name for source in videos]


_WRITERS = {"lu_avs": _write_lu_avs, "avsbench": _write_avsbench, "coco": _write_coco}


def _write_provenance(
    folder: Path, project: Project, format: str, sources: _Sources, labels: Sequence[str], result: ProjectExport
) -> None:
    """Write `provenance.json` of the project, and one file per video."""
    head = {
        "format": format,
        "tool": f"avseg {__version__} annotate",
        "video": {"file": project.folder.name},  # whose export this is
        "classes": {label: index for index, label in enumerate(labels, 1)},
        "splits": result.videos,
        "left_out": result.left_out,
    }
    (folder / "provenance.json").write_text(json.dumps(head, indent=1) + "\n", encoding="utf-8")
    (folder / "provenance").mkdir()
    for videos in sources.values():
        for source in videos:
            if source.video.path.name not in result.left_out:
                write_provenance(folder / "provenance" / f"{source.video_id}.json", source, format)
