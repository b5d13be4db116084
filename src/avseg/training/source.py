"""Sources of weights, by name: a run, a file, a published name, or a repository of the Hub."""

from dataclasses import dataclass
from pathlib import Path

from avseg.runs.find import checkpoint_of
from avseg.utils.errors import UserError, nearest
from avseg.utils.extras import require_transformers
from avseg.utils.hashing import file_digest
from avseg.weights.fetch import fetch
from avseg.weights.hub import PREFIX, WEIGHTS_FILE, fetch_from_hub
from avseg.weights.registry import PublishedFile, published


@dataclass(frozen=True)
class WeightsSource:
    """Weights on this machine, as `find_source` found or fetched them."""

    name: str  # as the user gave it
    path: Path  # a run, a folder above one run, a checkpoint, a folder of `avseg weights push`, or an official file
    record: PublishedFile | None = None

    @property
    def file(self) -> Path:
        """The file that holds the weights; raises `UserError` where there is none."""
        shared = self.path / WEIGHTS_FILE
        return shared if shared.is_file() else checkpoint_of(self.path)

    def origin(self) -> dict[str, str]:
        """Return path and SHA-256 of the file, and the published name, for records of what was computed with it."""
        entry = {"path": str(self.file), "sha256": file_digest(self.file)}
        return entry if self.name == str(self.path) else {"name": self.name, **entry}


def find_source(source: str | Path | WeightsSource) -> WeightsSource:
    """Find the weights that a user names, and fetch them if need be.

    Args:
        source: a path; "hf:owner/name"; or a name that `avseg weights` lists.

    Raises:
        UserError: none of these; it cannot be fetched; or its model needs a package that is not installed.
    """
    if isinstance(source, WeightsSource):
        return source
    name = str(source)
    path = Path(name).expanduser()
    if path.exists():
        return WeightsSource(name, path)
    if name.startswith(PREFIX):
        return WeightsSource(name, fetch_from_hub(name))
    record = published().get(name)
    if record is None:
        raise UserError(
            f"checkpoint {name} does not exist; give a run directory, a checkpoint file, hf:owner/name, or a name that "
            f"`avseg weights` lists{nearest(name, published())} (`avseg demo` makes a small run in minutes)"
        )
    if not record.overrides:
        raise UserError(f"{name}: {record.title} is not a model; it is used as {record.use}")
    if record.extra:  # before hundreds of megabytes are fetched
        require_transformers(name, record.extra)
    fetch(record)
    return WeightsSource(name, record.weights, record)
