"""Characters that LaTeX interprets."""

_SPECIAL = str.maketrans(
    {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "&": r"\&", "%": r"\%"}
    | {"$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}"}
    | {"±": r"$\pm$", "→": r"$\rightarrow$", "<": "$<$", ">": "$>$"}
)


def escape(text: str) -> str:
    r"""Escape the characters that LaTeX interprets.

    >>> escape("100 % of stages_34")
    '100 \\% of stages\\_34'
    """
    return text.translate(_SPECIAL)
