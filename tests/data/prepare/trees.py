"""What lies in a prepared folder."""

import hashlib
from pathlib import Path

import numpy as np
from PIL import Image

from tests.data.prepare.make_raw import Raw
from tests.media.make_video import BITS, read_number


def tree(root: Path) -> dict[str, str]:
    """Each file below a folder with a digest of its content, hidden ones included."""
    files = sorted(path for path in root.rglob("*") if path.is_file())
    return {path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def drawn_numbers(root: Path, clip: str, rotation: int = 0) -> list[int]:
    """The numbers drawn in a clip's pictures, in the order of the pictures."""
    folder = root / "ms3_data/visual_frames" / clip
    count = len(list(folder.iterdir()))
    pictures = [np.array(Image.open(folder / f"{clip}.mp4_{second}.png")) for second in range(1, count + 1)]
    return [read_number(np.rot90(picture, -rotation // 90)) for picture in pictures]


def expected_numbers(frames: list[int]) -> list[int]:
    """What is drawn in these frames: 8 bits of their numbers."""
    return [number % 2**BITS for number in frames]


def clip_name(raw: Raw) -> str:
    """The name of the one clip of a generated video."""
    return Path(raw.file).with_suffix("").as_posix().replace("/", "__").replace(" ", "_") + "_000000"
