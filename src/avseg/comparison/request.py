"""Options of a comparison as plain values; importing this module imports no torch."""

from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path

from avseg.utils.errors import UserError, nearest
from avseg.utils.files import is_present
from avseg.utils.names import printable
from avseg.weights.hub import PREFIX
from avseg.weights.registry import published

_MASK_SUFFIXES = (".png", ".npz", ".npy")


@dataclass(frozen=True)
class Method:
    """A named method: a run or weights, or a folder of masks."""

    name: str
    source: str
    pattern: str | None = None  # of the files of a mask folder; None finds a known one

    @property
    def is_folder(self) -> bool:
        """True for a folder of masks: one that holds no checkpoint."""
        path = Path(self.source).expanduser()
        if not path.is_dir():
            return False
        weights = [
            *path.glob("checkpoints/*.ckpt"),
            *path.glob("model.safetensors"),
            *path.glob("**/checkpoints/*.ckpt"),
        ]
        return not weights and not (path / "config.yaml").is_file()


@dataclass(frozen=True)
class Request:
    """The methods, the split, and what to write."""

    methods: Sequence[Method]
    out: Path
    data: Sequence[str] = ()  # overrides such as "data=toy_ms3"; none takes the data of the first run
    root: str | None = None
    split: str = "test"
    allow_missing: bool = False
    videos_per_group: int | None = None  # 0 is the whole split; None: that of the runs if they agree, else 4
    show: Sequence[str] = ("disagreement:4",)  # clips of panels and videos, see `avseg.comparison.selection`
    seed: int = 0  # of clips chosen at random
    device: str = "auto"
    batch: int = 8  # clips read at a time for mask folders
    save_masks: bool = False
    page: bool = True
    pictures: bool = True
    published: bool = False

    @property
    def names(self) -> list[str]:
        """Names of the methods."""
        return list(map(attrgetter("name"), self.methods))

    @property
    def folders(self) -> list[Method]:
        """The methods that are folders of masks."""
        return list(filter(attrgetter("is_folder"), self.methods))


def check_sources(methods: Sequence[Method]) -> None:
    """Raise `UserError` for a method that is neither on this machine, nor published, nor named at the Hub."""
    for method in methods:
        path = Path(method.source).expanduser()
        present = is_present(path)
        if present and path.suffix.lower() in _MASK_SUFFIXES and path.is_file():
            raise UserError(f"{method.name}={method.source}: is one file; name the folder that holds all masks")
        if not present and not method.source.startswith(PREFIX) and method.source not in published():
            raise UserError(
                f"{method.name}={method.source}: does not exist; a method is a run, a checkpoint, a folder of masks, "
                f"hf:owner/name, or a name that `avseg weights` lists{nearest(method.source, published())}"
            )


def parse_methods(texts: Sequence[str], patterns: Sequence[str]) -> list[Method]:
    """Read the NAME=SOURCE arguments and the patterns, each for all folders or NAME=PATTERN for one.

    Raises:
        UserError: a word without a name, a name given twice, or a pattern for an unknown method.
    """
    sources: dict[str, str] = {}
    for word in texts:
        name, equals, source = word.partition("=")
        name = printable(name)  # it is written into tables, figures and names of files
        if not equals or not name or not source or "/" in name:
            raise UserError(f"'{word}': write NAME=SOURCE, such as tpavi=outputs/demo/RUN/seed=123 or other=masks/")
        if name in sources:
            raise UserError(f"method '{name}' is given twice; choose another name for {source}")
        sources[name] = source
    by_method: dict[str, str] = {}
    common: str | None = None
    for word in patterns:
        name, equals, pattern = word.partition("=")
        name = printable(name)
        if equals and "{" not in name:
            if name not in sources:
                raise UserError(f"--pattern {word}: no method is named '{name}'; methods: {', '.join(sources)}")
            by_method[name] = pattern
        else:
            common = word
    return [Method(name, source, by_method.get(name, common)) for name, source in sources.items()]
