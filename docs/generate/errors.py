"""Reference of the error messages: every `UserError` of the source, what it says and what it tells to do.

The texts are read from the source, so that none is forgotten; a value that a message names is shown as three dots.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from docs.generate.markdown import code, plain, start, table

import avseg

PAGE = "reference/errors.md"
SOURCE = Path(avseg.__file__).parent
# the folders of the source, with what a reader calls them
TITLES = {
    "annotate": "Annotate",
    "audio": "Sound",
    "cli": "Command line",
    "comparison": "Compare",
    "config": "Configuration",
    "data": "Data sets",
    "draw": "Pictures",
    "media": "Videos",
    "metrics": "Scores",
    "models": "Models",
    "nn": "Backbones and their weights",
    "prediction": "Predict",
    "report": "Report of a run",
    "runs": "Runs",
    "sharing": "Sharing a run",
    "sweep": "Sweeps",
    "tables": "Tables",
    "training": "Training and evaluation",
    "utils": "Files, processes, shards",
    "weights": "Published weights",
}
# what to do stands behind a semicolon, or is what the value must be
_REMEDY = re.compile(
    r"; |: (?=(?:at|choose|expected|give|install|must|name|needs?|no|pip|read|set|the|use|write)\b)"
    r"|, (?=but|such as|use)"
)
# what to do about messages that do not say so, by their beginning
_REMEDIES = {
    "… is stale": "pack it again: `avseg data pack`",
    "… is damaged": "pack or copy it again",
    "… is missing, so … is not a complete pack": "pack it again: `avseg data pack`",
    "…: is damaged": "obtain or encode the file again; `avseg data check` lists all of them",
    "…: is truncated": "`--allow-truncated` uses what is left",
    "…: its sound": "obtain or encode the file again; `--silence` predicts without it",
    "--ray …: a worker died": "fewer tasks at once, or more memory for each",
    "nothing to": "every step is done or undone already",
    "… of … videos failed": "the lines above name each reason",
}
_NO_REMEDY = "the line says what is allowed"
_DOTS = re.compile("…+")


def pages() -> dict[str, str]:
    """Return the page by its path."""
    text = start("errors")
    for folder, title in TITLES.items():
        messages = sorted(set(_folder_messages(SOURCE / folder)))
        if messages:
            rows = [(code(what), plain(remedy)) for what, remedy in messages]
            text += f"## {title}\n\n" + table(("message", "what to do"), rows) + "\n"
    return {PAGE: text}


def _folder_messages(folder: Path) -> Iterator[tuple[str, str]]:
    for path in sorted(folder.rglob("*.py")):
        for message in messages(path.read_text(encoding="utf-8")):
            yield split(message)


def split(message: str) -> tuple[str, str]:
    """Split a message into what is wrong and what to do."""
    parts = _REMEDY.split(message, maxsplit=1)
    if len(parts) == 2:
        return parts[0], parts[1]
    for beginning, remedy in _REMEDIES.items():
        if message.startswith(beginning):
            return message, remedy
    return message, "the reason is in brackets" if message.endswith("(…)") else _NO_REMEDY


def messages(source: str) -> Iterator[str]:
    """List the messages of the `UserError`s that a module raises, with dots for what is filled in."""
    if "UserError(" not in source:
        return
    for function in ast.walk(ast.parse(source)):
        if not isinstance(function, ast.FunctionDef):
            continue
        for node in ast.walk(function):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "UserError" and node.args:
                text = _text(node.args[0], function)
                if text.strip("… .:;"):
                    yield _DOTS.sub("…", " ".join(text.split()))


def _text(node: ast.expr, function: ast.AST) -> str:
    """The text of an expression; a name stands for what the function assigned to it, if that is text."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part, function) if isinstance(part, ast.Constant) else "…" for part in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _text(node.left, function) + _text(node.right, function)
    if isinstance(node, ast.Name):
        for step in ast.walk(function):
            if isinstance(step, ast.Assign) and [getattr(target, "id", "") for target in step.targets] == [node.id]:
                return _text(step.value, function)
    return "…"
