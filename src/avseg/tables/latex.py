r"""Write a table as LaTeX; the document needs `\usepackage{booktabs}`."""

from avseg.tables.layout import MISSING, caption, legend, lines, metric_name, number
from avseg.tables.table import Result, Table

MARKS = {"columns": "$^{*}$", "rows": "$^{\\dagger}$"}
_SPECIAL = str.maketrans(
    {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "&": r"\&", "%": r"\%"}
    | {"$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}"}
    | {"±": r"$\pm$", "→": r"$\rightarrow$", "<": "$<$", ">": "$>$"}
)
_TEMPLATE = r"""% \usepackage{booktabs}
\begin{table}
\centering
\caption{<CAPTION>.}
\begin{tabular}{ll<ALIGNMENT>}
\toprule
<HEAD> \\
\midrule
<BODY>
\bottomrule
\end{tabular}
\end{table}
"""


def escape(text: str) -> str:
    r"""Escape the characters that LaTeX interprets.

    >>> escape("100 % of stages_34")
    '100 \\% of stages\\_34'
    """
    return text.translate(_SPECIAL)


def latex(table: Table) -> str:
    """Return a table float: a block per row with ours, the interval, the paper's number and the difference."""
    sentences = list(map(escape, (table.sweep.title, *caption(table))))
    if table.comparisons:
        sentences.append(_legend(table))
    blocks = [_block(table, row) for row in table.sweep.rows]
    # escaped texts contain no "<NAME>"
    text = _TEMPLATE.replace("<CAPTION>", ". ".join(sentences)).replace("<ALIGNMENT>", "r" * len(table.sweep.columns))
    text = text.replace("<HEAD>", " & ".join(["", "", *map(escape, table.sweep.columns)]))
    return text.replace("<BODY>", "\n\\midrule\n".join(blocks))


def _legend(table: Table) -> str:
    # the marks are LaTeX already and must not be escaped
    placeholders = {"columns": "COLUMNS-MARK", "rows": "ROWS-MARK"}
    text = escape(legend(table, placeholders))
    for kind, placeholder in placeholders.items():
        text = text.replace(placeholder, MARKS[kind])
    return text


def _block(table: Table, row: str) -> str:
    metric = "" if table.sweep.metrics else f", {metric_name(table)}"
    names = {"ours": f"ours{metric}", "interval": "95 % interval", "paper": "paper", "difference": "difference"}
    written = []
    for name, cells in lines(table, row, _ours).items():
        label = escape(row) if name == "ours" else ""
        if name == "interval":
            cells = [rf"{{\scriptsize {cell}}}" for cell in cells]
        elif name == "difference":
            cells = [cell if cell == MISSING else f"${cell}$" for cell in cells]
        written.append(" & ".join([label, escape(names[name]), *cells]) + r" \\")
    return "\n".join(written)


def _ours(result: Result, marks: set[str]) -> str:
    text = number(result.mean)
    if (sd := number(result.sd)) != MISSING:
        text += rf" {{\scriptsize $\pm${sd}}}"
    return text + "".join(mark for kind, mark in MARKS.items() if kind in marks)
