"""Make the frozen dataclasses of a configuration from plain values; mistakes become one line."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from avseg.config.schema import Config, Plain
from avseg.utils.errors import UserError, nearest

T = TypeVar("T", bound=Config)

_ADAPTERS: dict[type[Config], TypeAdapter[Any]] = {}  # of pydantic, by dataclass

# keys of the first edition
RENAMED = {
    "task": "model",
    "branch": "model, such as model=lu_avs_mask",
    "loss": "model.loss",
    "data.epochs": "trainer.max_epochs",
    "data.mapping_weight": "model.loss.mapping_weight",
    "data.hop": "audio.hop",
    "data.num_classes": "a property of data.setting; leave it out",
    "data.options": "one key of data each, such as data.rate",
}


def build(cls: type[T], values: Mapping[str, Plain], prefix: str = "") -> T:
    """Make a configuration of plain values; a wrong key or value is a `UserError` that names it below `prefix`."""
    try:
        return _adapter(cls).validate_python(dict(values))
    except ValidationError as error:
        raise UserError(_explain(cls, error, prefix)) from error


def _adapter(cls: type[T]) -> TypeAdapter[T]:
    # building one takes longer than using it, and a sweep composes many jobs
    if cls not in _ADAPTERS:
        _ADAPTERS[cls] = TypeAdapter(cls)
    return _ADAPTERS[cls]


def _explain(cls: type[Config], error: ValidationError, prefix: str) -> str:
    """Write one line for the first mistake that pydantic found."""
    details = error.errors()
    first = details[0]
    path = [step for step in first["loc"] if not _is_union_branch(step)]
    # an element of a list is reported with the key of the list
    key = ".".join(step for step in (prefix, *path) if step and isinstance(step, str))
    if first["type"] == "unexpected_keyword_argument":
        return unknown_key(key, field_names(_owner(cls, path)))
    if first["type"] == "missing":
        return f"{key} has no value; set it with {key}=VALUE"
    value = repr(first["input"]) if isinstance(first["input"], str) else first["input"]
    same_key = [entry for entry in details if entry["loc"][: len(path)] == first["loc"][: len(path)]]
    allowed = " or ".join(dict.fromkeys(entry["msg"].removeprefix("Input should be ") for entry in same_key))
    hint = ""
    if first["type"] == "literal_error" and isinstance(first["input"], str):
        choices = first["ctx"]["expected"].replace(" or ", ", ").replace("'", "").split(", ")
        hint = nearest(first["input"], choices)
    return f"{key}={value} is not allowed; it must be {allowed}{hint}"


def unknown_key(key: str, allowed: Sequence[str]) -> str:
    """Return the message for a key that nothing reads."""
    if key in RENAMED:
        return f"the key '{key}' is now {RENAMED[key]}"
    name = key.rpartition(".")[2]
    return f"the key '{key}' does not exist{nearest(name, allowed)}; allowed: {', '.join(allowed)}"


def _is_union_branch(step: int | str) -> bool:
    """True for pydantic's names of the members of a union, such as 'int' or 'function-after[...]'."""
    text = str(step)
    return text in ("int", "float", "str", "bool", "none") or not set("[-(").isdisjoint(text)


def _owner(cls: type[Config], path: Sequence[int | str]) -> type[Config]:
    """Find the dataclass that the last key of a path was looked up in."""
    for step in path[:-1]:
        for item in dataclasses.fields(cls):
            if item.name == step and isinstance(item.type, type) and issubclass(item.type, Config):
                cls = item.type
    return cls


def field_names(cls: type[Config]) -> list[str]:
    """List the keys of a part of the configuration."""
    return [item.name for item in dataclasses.fields(cls)]
