"""Write a report as one HTML file without network, all pictures inside."""

import base64
from collections.abc import Sequence
from html import escape
from importlib.resources import files
from pathlib import Path

from avseg.report.section import Picture, Section
from avseg.tables.text import TextTable
from avseg.utils.files import write_text


def write_page(path: Path, title: str, subtitle: str, sections: Sequence[Section]) -> None:
    """Write the page; texts are escaped, so that any name can be shown."""
    template = files("avseg.report").joinpath("page.html").read_text(encoding="utf-8")
    links = [f'<a href="#s{number}">{escape(section.title)}</a>' for number, section in enumerate(sections)]
    texts = {
        "TITLE": escape(title),
        "SUBTITLE": escape(subtitle),
        "NAV": "\n".join(links),
        "SECTIONS": "\n".join(_section(number, section) for number, section in enumerate(sections)),
    }
    # split first: a text of a run may contain a mark of the template
    page = []
    for piece in template.split("/*"):
        name, end, following = piece.partition("*/")
        page += [texts[name], following] if end and name in texts else [piece]
    write_text(path, "".join(page))


def _section(number: int, section: Section) -> str:
    lines = [f'<section id="s{number}">', f"<h2>{escape(section.title)}</h2>"]
    if section.text:
        lines.append(f"<p>{escape(section.text)}</p>")
    if section.pictures:
        columns = " many" if len(section.pictures) > 1 else ""
        lines += [f'<div class="pictures{columns}">', *map(_picture, section.pictures), "</div>"]
    if section.tables:
        lines += ['<div class="tables">', *map(_table, section.tables), "</div>"]
    for title, text in section.details:
        lines.append(f"<details><summary>{escape(title)}</summary><pre>{escape(text)}</pre></details>")
    return "\n".join([*lines, "</section>"])


def _picture(picture: Picture) -> str:
    content = base64.b64encode(picture.path.read_bytes()).decode()
    caption = f"<figcaption>{escape(picture.caption)}</figcaption>" if picture.caption else ""
    return f'<figure><img src="data:image/png;base64,{content}" alt="{escape(picture.description)}">{caption}</figure>'


def _table(table: TextTable) -> str:
    lines = ['<div class="table">']
    if table.title:
        lines.append(f"<h3>{escape(table.title)}</h3>")
    facts = not any(table.header)
    lines.append('<table class="facts">' if facts else "<table>")
    if not facts:
        cells = "".join(f'<th scope="col">{escape(name)}</th>' for name in table.header)
        lines.append(f"<thead><tr>{cells}</tr></thead>")
    lines.append("<tbody>")
    for row in table.rows:
        lines.append("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>")
    lines.append("</tbody></table>")
    lines += [f"<small>{escape(note)}</small><br>" for note in table.notes]
    return "\n".join([*lines, "</div>"])
