"""The classes of a project, `classes.yaml`: their order is their id in every export, so it never changes.

    - name: dog barking
      colour: "#e69f00"
    - man speaking

Classes that are used without being listed are added at the end.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import yaml

from avseg.annotate.document.models import COLOURS
from avseg.data.avsbench.avss_names import AVSS_NAMES
from avseg.utils.choices import check_choice
from avseg.utils.errors import UserError
from avseg.utils.files import write_text
from avseg.utils.names import is_one_line

FILE = "classes.yaml"
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
_MAX_CLASSES = 1000
_PRESETS = Path(__file__).parent / "lu_avs_labels.txt"
PRESETS = ("lu_avs", "avsbench")


@dataclass(frozen=True)
class LabelClass:
    """A class: its name, and the colour in which lists show it."""

    name: str
    colour: str


def load_classes(folder: Path) -> list[LabelClass]:
    """Read the classes of a project; none if it has no list.

    Raises:
        UserError: the file is not a list of names or of mappings with `name` and `colour`, or names one twice.
    """
    path = folder / FILE
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UserError(f"{path}: cannot be read ({str(error).splitlines()[0]})") from None
    if content is None:
        return []
    if not isinstance(content, list) or len(content) > _MAX_CLASSES:
        raise UserError(f"{path}: must be a list of up to {_MAX_CLASSES} classes, `- name` or `- name: ...`")
    classes = [_parse(path, index, item) for index, item in enumerate(content)]
    names = [item.name for item in classes]
    for name in names:
        if names.count(name) > 1:
            raise UserError(f"{path}: class '{name}' is listed twice; remove one")
    return classes


def save_classes(folder: Path, classes: Iterable[LabelClass]) -> None:
    """Write the list."""
    rows = [{"name": item.name, "colour": item.colour} for item in classes]
    write_text(folder / FILE, yaml.safe_dump(rows, sort_keys=False, allow_unicode=True))


def preset_classes(preset: str) -> list[LabelClass]:
    """Return the 88 labels of LU-AVS or the 70 of AVSBench-semantic."""
    check_choice("preset", preset, PRESETS)
    if preset == "avsbench":
        return make_classes(AVSS_NAMES[1:])
    return make_classes(_PRESETS.read_text(encoding="utf-8").splitlines())


def make_classes(names: Iterable[str]) -> list[LabelClass]:
    """Give names the default colours."""
    return [LabelClass(name, _default_colour(index)) for index, name in enumerate(names)]


def add_classes(folder: Path, labels: Iterable[str]) -> list[LabelClass]:
    """Append the labels that are missing in the list, and return all of it."""
    classes = load_classes(folder)
    listed = {item.name for item in classes}
    missing = sorted(set(labels) - listed)
    if missing:
        for name in missing:
            classes.append(LabelClass(name, _default_colour(len(classes))))
        save_classes(folder, classes)
    return classes


def _default_colour(index: int) -> str:
    return COLOURS[index % len(COLOURS)]


def _parse(path: Path, index: int, item: object) -> LabelClass:
    values = {"name": item} if isinstance(item, str) else item
    if not isinstance(values, dict) or not set(values) <= {"name", "colour"}:
        raise UserError(f"{path}: class {index + 1} must be a name, or a mapping of `name` and `colour`")
    name, colour = values.get("name"), values.get("colour", _default_colour(index))
    if not isinstance(name, str) or not name.strip() or not is_one_line(name) or len(name) > 200:
        raise UserError(f"{path}: class {index + 1} has the name {name!r:.40}; give a text of one line")
    if not isinstance(colour, str) or not _COLOUR.fullmatch(colour):
        raise UserError(f"{path}: class '{name}' has the colour {colour!r:.40}; give one like '#e69f00'")
    return LabelClass(name.strip(), colour)
