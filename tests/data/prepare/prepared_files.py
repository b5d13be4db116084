"""Read the content of a prepared folder."""

import hashlib
from pathlib import Path

import numpy as np
from PIL import Image

from tests.data.prepare.raw_samples import RawSample
from tests.media.make_video import BITS, read_number


def file_digests(root: Path) -> dict[str, str]:
    """Return a digest of each file below a folder, including hidden ones."""
    files = sorted(path for path in root.rglob("*") if path.is_file())
    return {path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def drawn_numbers(root: Path, clip: str, rotation: int = 0) -> list[int]:
    """Return the numbers drawn into a clip's frames, in their order."""
    folder = root / "ms3_data/visual_frames" / clip
    count = len(list(folder.iterdir()))
    images = [np.array(Image.open(folder / f"{clip}.mp4_{second}.png")) for second in range(1, count + 1)]
    return [read_number(np.rot90(image, -rotation // 90)) for image in images]


def expected_numbers(frames: list[int]) -> list[int]:
    """Return the numbers drawn into these frames: 8 bits of their frame numbers."""
    return [number % 2**BITS for number in frames]


def clip_name(raw: RawSample) -> str:
    """Return the name of the only clip of a generated video."""
    return Path(raw.file).with_suffix("").as_posix().replace("/", "__").replace(" ", "_") + "_000000"
