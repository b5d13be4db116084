"""What the source says about the fields of a configuration dataclass: meaning, type, default."""

import ast
import inspect
import re
import textwrap
import types
import typing
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import annotated_types

_TYPES = {int: "integer", float: "number", str: "text", bool: "true or false", type(None): "null", Any: "any"}
_ATTRIBUTE = re.compile(r"^    (\w+(?:, \w+)*): (.*(?:\n        .*)*)", flags=re.MULTILINE)


def field_texts(cls: type[Any]) -> dict[str, str]:
    """Return the meaning of each field by its name.

    It is the entry under "Attributes:" in the docstring, else the comment at or above the field, else the sentence of
    the docstring that names it; a class goes before those it derives from.
    """
    texts: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        if hasattr(base, "__dataclass_fields__"):
            texts.update(_own_texts(base))
    return texts


def _own_texts(cls: type[Any]) -> dict[str, str]:
    source = textwrap.dedent(inspect.getsource(cls))
    lines = source.splitlines()
    (definition,) = ast.parse(source).body
    assert isinstance(definition, ast.ClassDef)
    docstring = ast.get_docstring(definition) or ""
    attributes = _attributes(docstring)
    texts: dict[str, str] = {}
    for node in definition.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            name = node.target.id
            text = attributes.get(name) or _comment(lines, node) or _sentence(docstring, name)
            if text:
                texts[name] = text
    return texts | {name: text for name, text in attributes.items() if name not in texts}


def _attributes(docstring: str) -> dict[str, str]:
    _, _, section = docstring.partition("Attributes:\n")
    texts: dict[str, str] = {}
    for names, text in _ATTRIBUTE.findall(section):
        for name in names.split(", "):
            texts[name] = " ".join(text.split())
    return texts


def _comment(lines: list[str], node: ast.AnnAssign) -> str:
    """The comment behind a field, also inside its brackets, else the lines above it."""
    assert node.end_lineno is not None
    behind = []
    for line in lines[node.lineno - 1 : node.end_lineno]:
        code, sign, comment = line.partition("  # ")
        if sign and code.strip():
            behind.append(comment.strip())
    if behind:
        return " ".join(behind)
    above = []
    for line in reversed(lines[: node.lineno - 1]):
        if not line.strip().startswith("# "):
            break
        above.insert(0, line.strip().removeprefix("# "))
    return " ".join(above)


def _sentence(docstring: str, name: str) -> str:
    """The sentence of a docstring that names a field in backquotes."""
    text = " ".join(docstring.partition("Attributes:")[0].split())
    sentences = re.split(r"(?<=[.;]) ", text)
    return next((sentence.rstrip(";.") for sentence in sentences if f"`{name}`" in sentence), "")


def nested(cls: type[Any], name: str) -> type[Any] | None:
    """The dataclass that a field holds."""
    annotation = typing.get_type_hints(cls)[name]
    for part in (annotation, *typing.get_args(annotation)):
        if isinstance(part, type) and hasattr(part, "__dataclass_fields__"):
            return part
    return None


def type_text(cls: type[Any], name: str) -> str:
    """The type of a field in words, such as "integer, at least 1, or null"."""
    return _words(typing.get_type_hints(cls, include_extras=True)[name])


def _words(annotation: Any) -> str:
    origin = typing.get_origin(annotation)
    arguments = typing.get_args(annotation)
    if origin is typing.Annotated:
        limits = [_limit(limit) for limit in annotation.__metadata__]
        return ", ".join([_words(annotation.__origin__), *limits])
    if origin in (types.UnionType, typing.Union):
        parts = [_words(part) for part in arguments]
        # limits of a number end with a comma
        return "".join([parts[0], *(f", or {b}" if "," in a else f" or {b}" for a, b in pairwise(parts))])
    if origin is typing.Literal:
        return " or ".join(f"`{default_text(value)}`" for value in arguments)
    if origin is tuple:
        return f"list of {_words(arguments[0])}"
    if origin is not None and issubclass(origin, Mapping):
        return "mapping"
    return _TYPES.get(annotation, str(annotation))


def _limit(limit: object) -> str:
    if isinstance(limit, annotated_types.Ge):
        return f"at least {limit.ge}"
    if isinstance(limit, annotated_types.Gt):
        return f"above {limit.gt}"
    if isinstance(limit, annotated_types.Le):
        return f"at most {limit.le if limit.le < 10**12 else float(limit.le)}"
    if isinstance(limit, annotated_types.Lt):
        return f"below {limit.lt}"
    return str(limit)


def default_text(value: Any) -> str:
    """A value as it is written on the command line."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {default_text(entry)}" for key, entry in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(default_text(entry) for entry in value) + "]"
    return str(value) if value != "" else '""'
