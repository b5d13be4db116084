"""`avseg weights`: list published weights, show one, fetch some."""

import argparse

from rich.console import Console
from rich.table import Table

from avseg.utils.cache import cache_folder
from avseg.weights.checksums import first_seen
from avseg.weights.registry import PublishedFile, find, published

# without a terminal, so that no column is cut in a log
_LOG_WIDTH = 140


def run(_: argparse.Namespace) -> None:
    """Print a table of all published weights."""
    table = Table(caption=f"scores: test split, per cent, as published; ✓ is in {cache_folder()}")
    for name in ("name", "what", "input", "J / F", "MB", "licence", "from", ""):
        table.add_column(name, justify="right" if name in ("input", "MB") else "left", no_wrap=name == "name")
    for record in published().values():
        table.add_row(*_cells(record))
    console = Console()
    if not console.is_terminal:
        console.width = _LOG_WIDTH
    console.print(table)
    print("avseg weights show NAME: link, checksum, place of the file; fetch NAME downloads it")


def show(arguments: argparse.Namespace) -> None:
    """Print everything that is known about one of them."""
    record = find(arguments.name)
    lines = {
        "what": record.title,
        "link": record.link,
        "authors": record.page,
        "licence": record.licence,
        "size": f"{record.size} bytes" if record.size is not None else f"about {record.megabytes} MB",
        "SHA-256": _checksum(record),
        "scores": f"J {record.miou:g}, F {record.f_score:g} (test, as published)" if record.miou else "",
        "input": f"{record.input_size} x {record.input_size} pixels" if record.input_size else "",
        "model": " ".join(record.overrides),
        "use": record.use or f"avseg predict VIDEO --model {record.name}",
        "file": f"{record.path}{'' if record.fetched else ' (not fetched)'}",
    }
    for key, value in lines.items():
        if value:
            print(f"{key:8s} {value}")


def fetch(arguments: argparse.Namespace) -> None:
    """Fetch them one after the other."""
    # torch, which the checks of the files need
    from avseg.weights.fetch import fetch as fetch_file

    for record in list(map(find, arguments.names)):
        print(f"{record.name}: {fetch_file(record, again=arguments.again)}")


def _cells(record: PublishedFile) -> list[str]:
    scores = f"{record.miou:.1f} / {record.f_score:.1f}" if record.miou and record.f_score else ""
    sites = {"drive": "Google Drive", "drive_folder": "Google Drive", "hf": "Hugging Face"}
    size = str(record.input_size or "")
    site = sites.get(record.kind, "web")
    mark = "✓" if record.fetched else ""
    return [record.name, record.title, size, scores, str(record.megabytes), record.licence, site, mark]


def _checksum(record: PublishedFile) -> str:
    if note := first_seen(record):
        return f"{note.sha256} (seen first on {note.date})"
    if record.sha256:
        return f"{record.sha256}..." if len(record.sha256) < 64 else record.sha256
    return "not published; remembered at the first fetch"
