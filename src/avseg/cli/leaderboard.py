"""`avseg leaderboard`: the field's published numbers with their evidence, and your own runs among them."""

import argparse
import csv
import io
import logging
from pathlib import Path

from rich.markup import escape

from avseg.cli.console_table import new_table, print_table
from avseg.cli.data_common import check_not_folder
from avseg.tables.leaderboard import TEXT_COLUMNS, csv_rows, leaderboard
from avseg.tables.own_runs import OwnRun, read_own_runs
from avseg.tables.published import FAMILIES, GRADES, SETTINGS, PublishedNumber
from avseg.tables.text import TextTable, markdown
from avseg.utils.errors import UserError
from avseg.utils.files import write_text

log = logging.getLogger("avseg")
_LOG_WIDTH = 150  # a line for most rows


def run(arguments: argparse.Namespace) -> int:
    """Print the chosen numbers."""
    settings = [arguments.setting] if arguments.setting else list(SETTINGS)
    families = [arguments.family] if arguments.family else list(FAMILIES)
    grades = arguments.grade or list(GRADES)
    runs = _own_runs(arguments.runs)
    file_format = _format(arguments)
    if file_format == "csv":
        text = io.StringIO()
        writer = csv.DictWriter(text, PublishedNumber.columns(), lineterminator="\n")
        writer.writeheader()
        writer.writerows(csv_rows(settings, families, grades, runs))
        _write(text.getvalue(), arguments.out)
        return 0
    tables = leaderboard(settings, families, grades, runs, links=file_format == "md")
    if not tables:
        raise UserError(
            f"no numbers of setting {arguments.setting or 'any'}, family {arguments.family or 'any'}, "
            f"grade {' '.join(grades)}; `avseg leaderboard` prints all"
        )
    if file_format == "md":
        _write(markdown(tables, left=TEXT_COLUMNS.__contains__), arguments.out)
    else:
        for table in tables:
            _print(table)
    return 0


def _format(arguments: argparse.Namespace) -> str:
    out: Path | None = arguments.out
    if out is None:
        return arguments.format or "table"
    suffix = out.suffix.removeprefix(".")
    if suffix not in ("md", "csv") or arguments.format not in (None, suffix):
        raise UserError(f"--out {out}: name a file that ends in .md or .csv; its ending is the format")
    check_not_folder("--out", out, "md or csv file")
    return suffix


def _write(text: str, out: Path | None) -> None:
    if out is None:
        print(text, end="")
        return
    write_text(out, text)
    print(f"written to {out}")


def _own_runs(folder: Path | None) -> list[OwnRun]:
    if folder is None:
        return read_own_runs(Path("outputs"))
    folder = folder.expanduser()
    if not folder.is_dir():
        raise UserError(f"--runs {folder}: no such folder; name one that holds runs, such as outputs")
    runs = read_own_runs(folder)
    if not runs:
        log.warning("--runs %s: no complete run in it", folder)
    return runs


def _print(table: TextTable) -> None:
    # the sources would leave no room for the other columns
    columns = [index for index, name in enumerate(table.header) if name != "source"]
    console = new_table(table.title, [table.header[index] for index in columns], TEXT_COLUMNS, overflow="fold")
    for row in table.rows:
        console.add_row(*(escape(row[index]) for index in columns))
    print_table(console, _LOG_WIDTH)
    for note in (*table.notes, "sources: --format md or csv"):
        print(note)
    print()
