"""Compare methods on one split and write the results as a folder."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

from avseg.comparison.methods import grouping, load_run, open_folders, score_folders, score_run
from avseg.comparison.page import write_page
from avseg.comparison.pictures import file_name, save_panels, save_video
from avseg.comparison.published import check_published, published_tables
from avseg.comparison.request import Request
from avseg.comparison.selection import choose_clips, disagreement, split_rule
from avseg.comparison.shown_clip import read_clip
from avseg.comparison.split import Split, data_config, open_split
from avseg.comparison.store import MaskStore
from avseg.comparison.table import ComparisonTable, make_table
from avseg.comparison.table_files import write_tables
from avseg.tables.text import TextTable
from avseg.utils.errors import UserError
from avseg.utils.files import replace_folder

_RECORD = "comparison.json"


@dataclass(frozen=True)
class Outcome:
    """The files and tables of a finished comparison."""

    table: ComparisonTable
    published: list[TextTable]
    folder: Path


def compare(request: Request) -> Outcome:
    """Score all methods and write tables, images and page; an earlier comparison in the same folder is replaced.

    Raises:
        UserError: a mistake in the request, in the data, in a run, or in a folder of masks.
    """
    if request.out.exists() and (not request.out.is_dir() or _has_other_files(request.out)):
        raise UserError(f"--out {request.out}: exists and is not a comparison; name a new folder")
    for word in request.show:
        split_rule(word)  # a mistake is reported before anything is computed
    runs = [load_run(method) for method in request.methods if not method.is_folder]
    split = open_split(data_config(request, runs[0].config.data if runs else None), request.split)
    if request.published:
        check_published(split.dataset.setting)
    group = grouping(request, runs)
    folders = open_folders(request, split)
    with replace_folder(request.out) as folder, tempfile.TemporaryDirectory(dir=folder, prefix=".masks") as scratch:
        store = MaskStore(
            Path(scratch) / "masks.bin", len(request.methods), len(split.entries), split.length, split.size()
        )
        results = {result.name: result for result in score_folders(folders, request, split, store, group)}
        for run in runs:
            name = run.method.name
            masks = folder / "masks" / name if request.save_masks else None
            results[name] = score_run(run, request, split, store, group, masks)
        methods = [results[method.name] for method in request.methods]
        table = make_table(split.config.name, split.name, split.entries, methods, group)
        published = published_tables(table, split.dataset.setting) if request.published else []
        write_tables(folder, table, published)
        _draw(folder, request, split, store, table)
    return Outcome(table, published, request.out)


def _draw(folder: Path, request: Request, split: Split, store: MaskStore, table: ComparisonTable) -> None:
    """Write panels and videos of the chosen clips, and the page of all."""
    disagreements = [disagreement(store.read(clip)) for clip in range(len(split.entries))]
    clips = []
    for index, reason in choose_clips(request.show, table, disagreements, request.seed) if request.pictures else ():
        clip = read_clip(split, store, table.methods, index)
        save_video(folder / "videos" / f"{file_name(clip)}.mp4", clip)
        clips.append((clip, reason))
    if clips:
        save_panels(folder / "panels", clips)
    if request.page:
        write_page(folder / "page.html", split, store, table, disagreements)


def _has_other_files(folder: Path) -> bool:
    return any(folder.iterdir()) and not (folder / _RECORD).is_file()
