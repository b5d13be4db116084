"""Read values of a sweep.yaml: mappings, lists of overrides, names; every mistake is a one-line error."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeAlias, TypeGuard

from avseg.utils.choices import check_choice
from avseg.utils.errors import UserError

Overrides: TypeAlias = tuple[str, ...]


def read_mapping(file: Path, key: str, entries: Mapping[str, object]) -> dict[str, object]:
    """Return the mapping of a key, empty if there is none."""
    mapping = entries.get(key, {})  # `key:` without a value is None, an error
    if not isinstance(mapping, dict):
        raise UserError(f"{file}: {key}: '{mapping}' is not a mapping; write NAME: VALUE lines below {key}")
    return dict(zip(map(str, mapping), mapping.values(), strict=True))


def override_lists(file: Path, key: str, entries: Mapping[str, object]) -> dict[str, Overrides]:
    """Return the lists of overrides below a key, by name."""
    lists = {}
    for name, overrides in read_mapping(file, key, entries).items():
        lists[name] = read_overrides(file, f"{key}: {name}", overrides)
    return lists


def read_overrides(file: Path, key: str, overrides: object) -> Overrides:
    """Return a list of overrides; `key` names it in an error."""
    if not is_list_of(overrides, (str, int, float)):
        raise UserError(f"{file}: {key}: '{overrides}' is not a list; write [KEY=VALUE, ...]")
    return tuple(map(str, overrides))


def check_names(where: str, names: Iterable[str], allowed: Iterable[str]) -> None:
    """Refuse a name that is not allowed."""
    for name in names:
        check_choice("name", name, allowed, where)


def is_list_of(value: object, types: type | tuple[type, ...]) -> TypeGuard[list[Any]]:
    """Return True for a list of values of these types."""
    return isinstance(value, list) and all(isinstance(item, types) for item in value)


def one_line(text: object) -> str:
    """Return the text without line breaks."""
    return " ".join(str(text).split())
