"""The field's numbers and one's own runs, in a table of its own for each setting and family of metrics."""

from collections.abc import Sequence
from dataclasses import asdict
from operator import itemgetter

from avseg.tables.own_runs import OwnRun
from avseg.tables.published import (
    FAMILIES,
    GRADES,
    SETTINGS,
    UNVERIFIED,
    UNVERIFIED_MARK,
    PublishedNumber,
    read_published,
    select,
)
from avseg.tables.text import TextTable

NOT_COMPARABLE_MARK = "≠"
TEXT_COLUMNS = ("method", "backbone", "source", "note")
_HEADER = ("method", "backbone", "J", "F", "J&F", "F over", "chosen on", "seeds", "grade", "source", "note")


def leaderboard(
    settings: Sequence[str] = tuple(SETTINGS),
    families: Sequence[str] = tuple(FAMILIES),
    grades: Sequence[str] = tuple(GRADES),
    runs: Sequence[OwnRun] = (),
    links: bool = False,
) -> list[TextTable]:
    """Return the tables that have rows; with `links` the methods are links of markdown to their code.

    Own runs on the published test set are ranked among the others; those on other data come last.
    """
    numbers = read_published()
    tables = []
    for setting in settings:
        for family in families:
            rows = select(numbers, setting, family, grades)
            own_runs = _of_family(runs, setting, family)
            if rows or own_runs:
                tables.append(_table(setting, family, rows, own_runs, links))
    return tables


def csv_rows(
    settings: Sequence[str], families: Sequence[str], grades: Sequence[str], runs: Sequence[OwnRun]
) -> list[dict[str, str]]:
    """Return the same numbers with all columns of avs.csv, which name setting and family in each row."""
    numbers = read_published()
    columns = PublishedNumber.columns()
    result: list[dict[str, str]] = []
    for setting in settings:
        for family in families:
            result += list(map(asdict, select(numbers, setting, family, grades)))
            for run in _of_family(runs, setting, family):
                row = {"method": run.name, "backbone": run.backbone, "input": run.image_size, "setting": setting}
                row |= {"family": family, "videos_per_group": _group(run, family), "selection": "val"}
                for column, metric in (("j", FAMILIES[family].j), ("f", FAMILIES[family].f)):
                    row[column] = f"{run.mean(metric):.4f}" if metric in run.scores else ""
                row |= {"seeds": str(run.seeds), "grade": "own", "source": "own run", "note": _note(run)}
                result.append({name: row.get(name, "") for name in columns})
    return result


def _of_family(runs: Sequence[OwnRun], setting: str, family: str) -> list[OwnRun]:
    return [run for run in runs if run.setting == setting and FAMILIES[family].j in run.scores]


def _table(
    setting: str, family: str, rows: Sequence[PublishedNumber], runs: Sequence[OwnRun], links: bool
) -> TextTable:
    # (on other data, without J, minus J) -> line
    ranked = [((False, *row.rank), _published_line(row, links)) for row in rows]
    for run in runs:
        ranked.append(((bool(run.difference), False, -run.mean(FAMILIES[family].j)), _own_line(run, family)))
    ranked.sort(key=itemgetter(0))
    columns = list(zip(_HEADER, *map(itemgetter(1), ranked), strict=True))
    header, *lines = zip(*filter(_filled, columns), strict=True)
    return TextTable(f"{SETTINGS[setting]}: {FAMILIES[family].title}", header, lines, _notes(header, rows, runs))


def _filled(column: Sequence[str]) -> bool:
    """Return True if a cell below the heading has a text."""
    return any(column[1:])


def _published_line(row: PublishedNumber, links: bool) -> list[str]:
    method = f"[{row.method}](https://github.com/{row.code})" if links and row.code else row.method
    method += f" ({row.venue})" + ("" if row.verified else f" {UNVERIFIED_MARK}")
    line = [method, _encoder(row.backbone, row.input), row.j, row.f, row.j_and_f, row.videos_per_group]
    return [*line, row.selection, row.seeds, row.grade, row.source, row.note]


def _own_line(run: OwnRun, family: str) -> list[str]:
    name = run.name + (f" {NOT_COMPARABLE_MARK}" if run.difference else "")
    line = [name, _encoder(run.backbone, run.image_size), run.text(FAMILIES[family].j), run.text(FAMILIES[family].f)]
    return [*line, "", _group(run, family), "val", str(run.seeds), "own", "own run", _note(run)]


def _encoder(backbone: str, size: str) -> str:
    return ", ".join(filter(None, [backbone, f"{size} px" if size else ""]))


def _group(run: OwnRun, family: str) -> str:
    return run.videos_per_group if family == "per-frame" else ""


def _note(run: OwnRun) -> str:
    return f"not comparable: {run.difference}" if run.difference else ""


def _notes(header: Sequence[str], rows: Sequence[PublishedNumber], runs: Sequence[OwnRun]) -> list[str]:
    notes = []
    used = {row.grade for row in rows}
    if used:
        notes.append("grade: " + "; ".join(f"{grade} {text}" for grade, text in GRADES.items() if grade in used))
    if used & set(UNVERIFIED):
        notes.append(f"{UNVERIFIED_MARK} not verified")
    if "F over" in header:
        notes.append("F over: videos whose curves are averaged before the maximum over thresholds; the more, the lower")
    if "chosen on" in header:
        notes.append("chosen on: the split that selected the checkpoint; an empty cell is not known")
    if any(run.difference for run in runs):
        notes.append(f"{NOT_COMPARABLE_MARK} another test set than the published one")
    return notes
