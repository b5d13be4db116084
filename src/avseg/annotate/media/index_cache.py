"""Cache of a video's frame index on disk, bound to size and modification time of the file: long videos open at once."""

import json
import threading
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from zipfile import BadZipFile
from zlib import error as ZlibError

import numpy as np
from pydantic import TypeAdapter

from avseg.media.clock import Break, Clock
from avseg.media.frame_index import FrameIndex, frame_index
from avseg.media.upright import View
from avseg.media.video import Sound, Video
from avseg.utils.errors import UserError
from avseg.utils.files import atomic_file
from avseg.utils.hashing import file_stamp

VERSION = 2
_WRITING = threading.Lock()


@dataclass
class _Parts:
    """The fields of a video that are dataclasses themselves."""

    view: View
    sound: Sound | None
    clock: Clock
    breaks: tuple[Break, ...]


_PARTS = TypeAdapter(_Parts)
_ARRAYS = ("times", "stamps", "keyframes", "positions")


def cache_folder(path: Path) -> Path:
    """Return the folder of data computed from a video: `.avseg/<video name>` next to it."""
    return path.parent / ".avseg" / path.name


def fingerprint(path: Path) -> list[int]:
    """Return size in bytes, modification time in nanoseconds, and our format version."""
    try:
        return [*file_stamp(path), VERSION]
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); give a video file") from None


def open_index(path: Path, folder: Path, audio_track: int | None = None) -> FrameIndex:
    """Load the index of a video from a folder if it fits the file; otherwise compute it, and store it if possible."""
    with _WRITING:
        stored = _load(path, folder / "index.npz")
        if stored is not None and stored.video.audio_track == audio_track:
            return stored
        index = frame_index(path, audio_track)
        with suppress(OSError):  # a read-only disk
            _save(index, folder / "index.npz")
        return index


def _save(index: FrameIndex, file: Path) -> None:
    header = asdict(index.video) | {"fingerprint": fingerprint(index.video.path)}
    del header["path"], header["times"]
    arrays = {name: getattr(index, name) for name in _ARRAYS[1:]}
    with atomic_file(file) as temporary:
        np.savez(temporary, header=np.array(json.dumps(header)), times=index.video.times, **arrays)


def _load(path: Path, file: Path) -> FrameIndex | None:
    """Return None if the file does not exist, is damaged, or belongs to another video."""
    try:
        with np.load(file, allow_pickle=False) as stored:
            header = json.loads(str(stored["header"]))
            times, stamps, keyframes, positions = (stored[name] for name in _ARRAYS)
        if header.pop("fingerprint") != fingerprint(path):
            return None
        parts = _PARTS.validate_python({name: header.pop(name) for name in _Parts.__annotations__})
        video = Video(path=path, times=times, **vars(parts), **header)
    except (OSError, ValueError, KeyError, TypeError, EOFError, AttributeError, BadZipFile, ZlibError):
        return None
    return FrameIndex(video, stamps, keyframes, positions)
