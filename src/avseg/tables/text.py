"""Tables of texts, as markdown and as LaTeX; importing this module imports no torch."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from avseg.tables.escape import escape

HARD_MARK = "ʰ"  # behind an F of hard masks


@dataclass(frozen=True)
class TextTable:
    """A table of texts with a title and notes."""

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str] = field(default_factory=tuple)


def markdown(tables: Sequence[TextTable], left: Callable[[str], bool] = lambda name: False) -> str:
    """Return the tables as markdown; the first column and those whose name `left` accepts are aligned left."""
    sections = []
    for table in tables:
        if table.rows:
            rule = "|---|" + "".join("---|" if left(name) else "---:|" for name in table.header[1:])
            lines = [_line(table.header), rule, *map(_line, table.rows)]
            notes = ["- " + "\n- ".join(table.notes)] if table.notes else []
            sections += [f"## {table.title}", "\n".join(lines), *notes]
    return "\n\n".join(sections) + "\n"


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def latex(tables: Sequence[TextTable]) -> str:
    r"""Return the tables as LaTeX; the document needs `\usepackage{booktabs}`."""
    lines = ["% \\usepackage{booktabs}"]
    for table in tables:
        if not table.rows:
            continue
        caption = ". ".join(map(_escape, [table.title, *table.notes]))
        body = [" & ".join(map(_escape, row)) + r" \\" for row in table.rows]
        head = " & ".join(map(_escape, table.header)) + r" \\"
        lines += [r"\begin{table}", r"\centering", rf"\caption{{{caption}.}}"]
        lines += [rf"\begin{{tabular}}{{l{'r' * (len(table.header) - 1)}}}", r"\toprule", head, r"\midrule", *body]
        lines += [r"\bottomrule", r"\end{tabular}", r"\end{table}"]
    return "\n".join(lines) + "\n"


def _escape(text: str) -> str:
    # a line of a LaTeX table must not begin with "[", and the mark is not a letter of LaTeX's fonts
    return escape(text).replace(HARD_MARK, r"$^{\mathrm{h}}$").replace("[", "{[}")
