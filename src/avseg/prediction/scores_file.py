"""Files of a prediction that are written row by row: JSON lists, and masks as PNG."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TextIO

import numpy as np
from PIL import Image

from avseg.media.video import Video


class RowsFile:
    """A JSON object of a header and a list named `key` with one row per line, written as it grows.

    `file` is opened with `errors="backslashreplace"`: stray bytes of file names become escapes of JSON.
    """

    def __init__(self, file: TextIO, header: Mapping[str, object], key: str) -> None:
        self.file = file
        self.separator = "\n    "
        # the header's closing brace comes after the list
        start = json.dumps(header, indent=2, ensure_ascii=False)
        self.file.write(start.removesuffix("\n}") + f',\n  "{key}": [')

    def add(self, row: Mapping[str, object]) -> None:
        """Write a row."""
        self.file.write(self.separator + json.dumps(row, ensure_ascii=False))
        self.separator = ",\n    "

    def close(self) -> None:
        """End the list and the object."""
        self.file.write("\n  ]\n}\n")


def describe(video: Video) -> dict[str, object]:
    """Return the entry "video" of `scores.json`."""
    return {
        "path": str(video.path.resolve()),
        "container": video.container,
        "codec": video.codec,
        "height": video.height,
        "width": video.width,
        "rotation": video.rotation,
        "mirrored": video.view.mirrored,
        "pixel_aspect": video.pixel_aspect,
        "crop": list(video.view.crop),
        "frame_rate": video.frame_rate,
        "constant_rate": video.constant_rate,
        "duration": video.duration,
        "frames": len(video.times),
        "seconds": video.seconds,
        "missing_seconds": video.missing,
        "audio_track": video.audio_track,
        "breaks": list(map(asdict, video.breaks)),
        "sound": asdict(video.sound) if video.sound else None,
    }


def save_mask(mask: np.ndarray, folder: Path, number: int) -> None:
    """Write a mask (H, W) bool as `folder`/NUMBER.png, 255 = sounding."""
    Image.fromarray(mask.astype(np.uint8) * 255).save(folder / f"{number:06d}.png", compress_level=3)
