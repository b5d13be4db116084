"""The registry of published weights: a record per file, of avseg (`published.toml`) and of plugins.

A plugin adds its own by a file `published.toml` in its package; key lists are named relative to that file.
"""

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from avseg.config.plugins import plugins
from avseg.config.schema import Config
from avseg.config.typed import build
from avseg.utils.cache import cache_folder
from avseg.utils.errors import UserError, nearest

FILE_NAME = "published.toml"
WEIGHTS_SUFFIXES = (".safetensors", ".pth", ".pt", ".bin")
# where a file is: the part of `PublishedFile.source` before the colon
_LINKS = {
    "drive": "https://drive.google.com/file/d/{}/view",
    "drive_folder": "https://drive.google.com/drive/folders/{}",
    "hf": "https://huggingface.co/{}",
    "https": "https:{}",
    "http": "http:{}",
}


@dataclass(frozen=True)
class KeyList(Config):
    """Names and shapes of the tensors of a file: groups of a json file, {group: {name: shape}}."""

    file: str
    groups: tuple[str, ...]
    optional: tuple[str, ...] = ()  # prefixes of tensors that some copies of the file also hold


@dataclass(frozen=True)
class PublishedFile(Config):
    """A published file, or a repository of the Hugging Face Hub.

    Attributes:
        name: the name to fetch and use it by.
        title: a short description.
        source: "drive:ID", "drive_folder:ID", "https://...", or "hf:OWNER/NAME", of which `hub_files` are fetched.
        page: the page of its authors.
        licence: as its authors state it; "none stated" where they do not.
        file: its name in the cache folder (of a repository: the name of a folder).
        megabytes: its approximate size.
        size: in bytes; None where it is unknown.
        sha256: all or the first digits; empty where it is unknown.
        pattern: of a Google Drive folder: a regular expression for the name of the file in it.
        overrides: the model and data set of the weights, as for `avseg train`; empty for a part of a model.
        extra: the extra of avseg that its model needs, for the package transformers; empty for none.
        use: for a part of a model, where its name is used.
        setting: the data set that it was trained and scored on: s4, ms3 or avss.
        input_size: side of its input frames in pixels.
        miou, f_score: published, in per cent, on the test split.
        origin: the package folder that names it.
    """

    name: str
    title: str
    source: str
    page: str
    licence: str
    file: str
    megabytes: int
    size: int | None = None
    sha256: str = ""
    pattern: str = ""
    hub_files: tuple[str, ...] = ()
    key_list: KeyList | None = None
    overrides: tuple[str, ...] = ()
    extra: str = ""
    use: str = ""
    setting: str = ""
    input_size: int | None = None
    miou: float | None = None
    f_score: float | None = None
    origin: Path = field(default=Path())

    @property
    def kind(self) -> str:
        """Kind of location: "drive", "drive_folder", "hf", "https" or "http"."""
        return self.source.partition(":")[0]

    @property
    def reference(self) -> str:
        """The identifier behind the kind."""
        return self.source.partition(":")[2]

    @property
    def link(self) -> str:
        """The address to open in a browser."""
        return _LINKS[self.kind].format(self.reference)

    @property
    def path(self) -> Path:
        """Its place in the cache folder."""
        return cache_folder() / self.file

    @property
    def weights(self) -> Path:
        """The file of weights: `path`, or in a repository the first of `hub_files` that is one."""
        files = [name for name in self.hub_files if name.endswith(WEIGHTS_SUFFIXES)]
        return self.path / files[0] if files else self.path

    @property
    def fetched(self) -> bool:
        """True if it is in the cache folder."""
        return self.path.exists()

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Read the names and shapes of its tensors; empty where they are unknown."""
        if self.key_list is None:
            return {}
        groups = json.loads((self.origin / self.key_list.file).read_text(encoding="utf-8"))
        shapes: dict[str, tuple[int, ...]] = {}
        for group in self.key_list.groups:
            shapes |= {name: tuple(shape) for name, shape in groups[group].items()}
        return shapes


@cache
def published() -> Mapping[str, PublishedFile]:
    """Read all records, by name; those of avseg come first. A mistake in a plugin's file is a `UserError`."""
    records: dict[str, PublishedFile] = {}
    for folder in (Path(__file__).parent, *(plugin.folder for plugin in plugins())):
        for name, record in _read(folder).items():
            records.setdefault(name, record)
    return records


def find(name: str) -> PublishedFile:
    """Return the record of a name; `UserError` for an unknown one."""
    record = published().get(name)
    if record is None:
        raise UserError(
            f"{name}: no published weights have this name{nearest(name, published())}; `avseg weights` lists them"
        )
    return record


def _read(folder: Path) -> dict[str, PublishedFile]:
    path = folder / FILE_NAME
    if not path.is_file():
        return {}
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: is not a toml file ({error}); correct it") from error
    records: dict[str, PublishedFile] = {}
    for name, values in tables.items():
        if not isinstance(values, Mapping):
            raise UserError(f"{path}: {name}={values!r} is outside of a table; write it below [NAME]")
        try:
            record = build(PublishedFile, {**values, "name": name, "origin": folder}, name)
        except UserError as error:
            raise UserError(f"{path}: {error}") from error
        if record.kind not in _LINKS:
            raise UserError(f"{path}: {name}.source={record.source} is not one of {', '.join(_LINKS)}, with a colon")
        records[name] = record
    return records
