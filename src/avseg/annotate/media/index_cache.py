"""The table of a video's frames on disk, so that a long video opens at once the second time.

It is bound to the size and the time of change of the video file: a video that was replaced is read anew.
"""

import json
import threading
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any
from zipfile import BadZipFile
from zlib import error as ZlibError

import numpy as np

from avseg.media.frame_index import FrameIndex, frame_index
from avseg.media.video import Sound, Video
from avseg.utils.errors import UserError
from avseg.utils.files import atomic_file

VERSION = 1
_WRITING = threading.Lock()
_ARRAYS = ("times", "stamps", "keyframes")


def cache_folder(path: Path) -> Path:
    """Where what is computed from a video is kept: `.avseg/<video name>` beside it."""
    return path.parent / ".avseg" / path.name


def fingerprint(path: Path) -> list[int]:
    """What tells that a file is the one that was read: size in bytes, time of change in nanoseconds, our format.

    Raises:
        UserError: there is no such file.
    """
    try:
        state = path.stat()
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); give a video file") from None
    return [state.st_size, state.st_mtime_ns, VERSION]


def open_index(path: Path, folder: Path) -> FrameIndex:
    """The table of a video, from the folder if it is there and fits the file, else from the packets.

    Args:
        path: the video.
        folder: holds, or gets, `index.npz`; a folder that cannot be written to only costs time.

    Raises:
        UserError: see `avseg.media.frame_index.frame_index`.
    """
    with _WRITING:
        stored = _load(path, folder / "index.npz")
        if stored is not None:
            return stored
        index = frame_index(path)
        with suppress(OSError):  # a read-only disk
            _save(index, folder / "index.npz")
        return index


def _save(index: FrameIndex, file: Path) -> None:
    header = asdict(index.video) | {"fingerprint": fingerprint(index.video.path)}
    del header["path"], header["times"]
    arrays = {"times": index.video.times, "stamps": index.stamps, "keyframes": index.keyframes}
    with atomic_file(file) as temporary:
        np.savez(temporary, header=np.array(json.dumps(header)), **arrays)  # type: ignore[arg-type]


def _load(path: Path, file: Path) -> FrameIndex | None:
    """None where there is none, or one of another file, or a damaged one."""
    try:
        with np.load(file, allow_pickle=False) as stored:
            header: dict[str, Any] = json.loads(str(stored["header"]))
            times, stamps, keyframes = (stored[name] for name in _ARRAYS)
        if header.pop("fingerprint") != fingerprint(path):
            return None
        sound = header.pop("sound")
        video = Video(path=path, times=times, sound=Sound(**sound) if sound else None, **header)
    except (OSError, ValueError, KeyError, TypeError, EOFError, AttributeError, BadZipFile, ZlibError):
        return None
    return FrameIndex(video, stamps, keyframes)
