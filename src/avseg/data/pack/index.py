"""The index of a pack: what was packed, from what, and the checksum of every file beside it."""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from avseg.data.pack.arrays import Array
from avseg.utils.errors import UserError
from avseg.utils.files import atomic_file

# a reader of another format refuses the pack
FORMAT = 1
INDEX_NAME = "index.json"


@dataclass(frozen=True)
class PackIndex:
    """What a pack holds: one split of a data set at one size.

    Attributes:
        setting: "s4", "ms3" or "avss".
        split: "train", "val" or "test".
        image_size: side of frames and masks in pixels.
        hop: of the log-mel patches.
        audio: the choice of sound files that was made, see `AVSBenchDataset`.
        stray: AVSS: what became of colours of no class.
        clip_length: T.
        clips: (name, category, subset, start) of each clip, in order.
        seconds: how many of the T frames of each clip exist.
        labelled: how many of its first frames have a mask.
        fingerprint: of the whole data set, as a run's manifest has it.
        vggish: the weights behind the packed embeddings, see `weights_fingerprint`; None where there are none.
        seeds: of the packed control sounds' embeddings.
        arrays: the files by their name without the suffix.
    """

    setting: str
    split: str
    image_size: int
    hop: str
    audio: str
    stray: str
    clip_length: int
    clips: list[list[Any]]
    seconds: list[int]
    labelled: list[int]
    fingerprint: str
    vggish: str | None
    seeds: list[int]
    arrays: dict[str, Array]


def write_index(folder: Path, index: PackIndex) -> None:
    """Writes `index.json` with a checksum of itself."""
    values = {"format": FORMAT, **asdict(index)}
    with atomic_file(folder / INDEX_NAME) as path:
        path.write_text(json.dumps({"sha256": _checksum(values), **values}) + "\n", encoding="utf-8")


def read_index(folder: Path) -> PackIndex:
    """Reads `index.json`.

    Raises:
        UserError: missing, damaged, or of another format.
    """
    path = folder / INDEX_NAME
    if not path.is_file():
        raise UserError(f"{path} is missing, so {folder} is no complete pack")
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        if values.get("format") != FORMAT:
            raise UserError(f"{path} is of format {values.get('format')}; this version reads format {FORMAT}")
        if values.pop("sha256", "") != _checksum(values):
            raise ValueError("its checksum is another one")
        del values["format"]
        arrays = {
            name: Array(array["dtype"], tuple(array["shape"]), array["sha256"])
            for name, array in values.pop("arrays").items()
        }
        return PackIndex(**values, arrays=arrays)
    except (ValueError, TypeError, KeyError, AttributeError, OSError) as error:
        raise UserError(f"{path} is damaged ({' '.join(str(error).split())})") from error


def _checksum(values: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()
