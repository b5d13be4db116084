r"""Write a table as LaTeX; the document needs `\usepackage{booktabs}`."""

import math
from functools import partial

from avseg.tables.escape import escape
from avseg.tables.layout import MISSING, caption, legend, lines, metric_name, number
from avseg.tables.table import Result, Table

# superscripts behind our number
MARKS = {"columns": "$^{*}$", "rows": "$^{\\dagger}$"}
_FORMATS = {"interval": r"{{\scriptsize {}}}", "difference": "${}$"}
# braces are LaTeX's, so not str.format
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


def latex(table: Table) -> str:
    """Return a table float: a block per row with ours, the interval, the paper's number and the difference."""
    sentences = list(map(escape, (table.sweep.title, *caption(table))))
    if table.comparisons:
        sentences.append(_legend(table))
    body = "\n\\midrule\n".join(map(partial(_block, table), table.sweep.rows))
    # escaped texts contain no "<NAME>"
    text = _TEMPLATE.replace("<CAPTION>", ". ".join(sentences)).replace("<ALIGNMENT>", "r" * len(table.sweep.columns))
    text = text.replace("<HEAD>", " & ".join(["", "", *map(escape, table.sweep.columns)]))
    return text.replace("<BODY>", body)


def _legend(table: Table) -> str:
    # the marks are LaTeX already and must not be escaped
    placeholders = {"columns": "COLUMNS-MARK", "rows": "ROWS-MARK"}
    text = escape(legend(table, placeholders))
    for axis, placeholder in placeholders.items():
        text = text.replace(placeholder, MARKS[axis])
    return text


def _block(table: Table, row: str) -> str:
    # with several metrics the row or column names its own
    metric = "" if table.sweep.metrics else f", {metric_name(table)}"
    names = {"ours": f"ours{metric}", "interval": "95 % interval", "paper": "paper", "difference": "difference"}
    block = []
    for name, cells in lines(table, row, _ours, MARKS).items():
        label = escape(row) if name == "ours" else ""
        line = " & ".join([label, escape(names[name])])
        for cell in cells:
            # a missing difference is a dash, so not in math mode
            template = "{}" if (name, cell) == ("difference", MISSING) else _FORMATS.get(name, "{}")
            line += " & " + template.format(cell)
        block.append(line + r" \\")
    return "\n".join(block)


def _ours(result: Result) -> str:
    sd = "" if math.isnan(result.sd) else rf" {{\scriptsize $\pm${number(result.sd)}}}"
    return number(result.mean) + sd
