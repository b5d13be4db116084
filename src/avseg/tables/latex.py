r"""A table as LaTeX; the document needs `\usepackage{booktabs}`."""

import re

from avseg.tables.layout import caption, legend, lines, metric_name, number
from avseg.tables.table import Result, Table

MARKS = {"columns": "$^{*}$", "rows": "$^{\\dagger}$"}
_SPECIAL = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
_SPECIAL |= {character: "\\" + character for character in "&%$#_{}"}
_SPECIAL |= {"±": r"$\pm$", "→": r"$\rightarrow$", "<": "$<$", ">": "$>$"}


def escape(text: str) -> str:
    r"""Text that LaTeX prints as it stands.

    >>> escape("100 % of stages_34")
    '100 \\% of stages\\_34'
    """
    return re.sub("|".join(map(re.escape, _SPECIAL)), lambda match: _SPECIAL[match[0]], text)


def latex(table: Table) -> str:
    """A table float: ours with interval, the paper's, the difference, a block per row."""
    told = ". ".join(escape(sentence) for sentence in [table.title, *caption(table)])
    marks = ". " + _legend(table) if table.comparisons else ""
    blocks = "\n\\midrule\n".join(_block(table, row) for row in table.rows)
    head = " & ".join(["", "", *map(escape, table.columns)])
    return "\n".join(
        [
            r"% \usepackage{booktabs}",
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{told}{marks}.}}",
            rf"\begin{{tabular}}{{ll{'r' * len(table.columns)}}}",
            r"\toprule",
            rf"{head} \\",
            r"\midrule",
            blocks,
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
            "",
        ]
    )


def _legend(table: Table) -> str:
    plain = {"columns": "COLUMNS-MARK", "rows": "ROWS-MARK"}
    text = escape(legend(table, plain))
    for kind, mark in plain.items():
        text = text.replace(mark, MARKS[kind])
    return text


def _block(table: Table, row: str) -> str:
    what = "" if table.metrics else f", {metric_name(table)}"
    names = {"ours": f"ours{what}", "interval": "95 % interval", "paper": "paper"}
    written = []
    for name, cells in lines(table, row, _ours).items():
        # ours is LaTeX already
        shown = cells if name == "ours" else [re.sub(r"^([+-][\d.]+)$", r"$\1$", cell) for cell in cells]
        label = escape(row) if name == "ours" else ""
        small = [rf"{{\scriptsize {cell}}}" for cell in shown] if name == "interval" else shown
        written.append(" & ".join([label, escape(names.get(name, name)), *small]) + r" \\")
    return "\n".join(written)


def _ours(result: Result, marks: set[str]) -> str:
    sd = number(result.sd)
    text = number(result.mean) + (rf" {{\scriptsize $\pm${sd}}}" if sd != "-" else "")
    return text + "".join(mark for kind, mark in MARKS.items() if kind in marks)
