"""The index of a pack: its content, its origin, and the checksum of every file next to it."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from avseg.audio.log_mel import Hop
from avseg.data.avsbench.config import AudioFiles
from avseg.data.pack.arrays import Array
from avseg.data.palette import Stray
from avseg.utils.errors import UserError
from avseg.utils.files import atomic_file
from avseg.utils.hashing import json_digest

# a reader of another format refuses the pack; since format 2 sounds are resampled as officially, and short sounds of
# AVSS are filled with zeros
FORMAT = 2
INDEX_NAME = "index.json"


@dataclass(frozen=True)
class PackIdentity:
    """Everything besides the files that determines the numbers of the clips."""

    setting: str
    split: str
    image_size: int  # side of frames and masks in pixels
    hop: Hop  # of the log-mel patches
    stray: Stray | Literal[""]  # AVSS: treatment of colours that belong to no class; "" for the others
    clip_length: int  # T
    clips: list[list[str | float]]  # [name, category, subset, start] of each clip, in order


@dataclass(frozen=True)
class PackIndex(PackIdentity):
    """The content of a pack: one split of a data set at one size."""

    audio: AudioFiles  # the choice of sound files, see `AVSBenchDataset`
    seconds: list[int]  # number of existing frames of each clip
    labelled: list[int]  # number of the first frames of each clip that have a mask
    fingerprint: str  # of the whole data set, as in the manifest of a run
    vggish: str | None  # weights of the packed embeddings, see `weights_fingerprint`; None without embeddings
    seeds: list[int]  # seeds of the embedded control noise
    arrays: dict[str, Array]  # descriptions of the files by their names without suffix


def write_index(folder: Path, index: PackIndex) -> None:
    """Write `index.json` with a checksum of itself."""
    values = {"format": FORMAT, **asdict(index)}
    with atomic_file(folder / INDEX_NAME) as path:
        path.write_text(json.dumps({"sha256": json_digest(values), **values}) + "\n", encoding="utf-8")


def read_index(folder: Path) -> PackIndex:
    """Read `index.json`; raises `UserError` if it is missing, damaged, or of another format."""
    path = folder / INDEX_NAME
    if not path.is_file():
        raise UserError(f"{path} is missing, so {folder} is not a complete pack")
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        if values.get("format") != FORMAT:
            raise UserError(f"{path} is of format {values.get('format')}; this version reads format {FORMAT}")
        if values.pop("sha256", "") != json_digest(values):
            raise ValueError("its checksum is wrong")
        del values["format"]
        arrays: dict[str, Array] = {}
        for name, array in values.pop("arrays").items():
            arrays[name] = Array(array["dtype"], tuple(array["shape"]), array["sha256"])
        return PackIndex(**values, arrays=arrays)
    except UserError:  # a ValueError, too
        raise
    except (ValueError, TypeError, KeyError, AttributeError, OSError) as error:
        raise UserError(f"{path} is damaged ({' '.join(str(error).split())})") from error
