"""Damaged files end in a result or in one line; `benchmarks/fuzz_media.py` tries hundreds."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import fuzz_media
from tests.media.make_video import make_video

# container, damage, and seed and number of the file: those that failed once, and one of each container
FILES = [
    ("flv", "swap", (1, 56)),
    ("mov", "head", (0, 13)),
    ("nut", "swap", (0, 59)),
    ("mkv", "twice", (0, 171)),
    ("mp4", "flip", (0, 24)),
    ("m4v", "cut", (0, 2)),
    ("webm", "zero", (0, 40)),
    ("ts", "flip", (0, 29)),
    ("mpg", "join", (0, 90)),
    ("avi", "drop", (0, 67)),
    ("flv", "twice", (0, 80)),
    ("wmv", "swap", (0, 57)),
    ("ogg", "join", (0, 94)),
]


@pytest.mark.filterwarnings("ignore:.*cannot be decoded:UserWarning")
@pytest.mark.parametrize(("suffix", "kind", "seed"), FILES)
def test_a_damaged_file_ends_in_a_result_or_one_line(
    tmp_path: Path, suffix: str, kind: str, seed: tuple[int, int]
) -> None:
    source = make_video(tmp_path / f"source.{suffix}", frames=100, **fuzz_media.CONTAINERS[suffix])
    path = tmp_path / f"v.{suffix}"
    fuzz_media.damage(source, path, kind, np.random.default_rng(list(seed)))
    outcome = fuzz_media.read(path)
    assert outcome in ("result", "one line")


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_three_hundred_damaged_files() -> None:
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-m", "benchmarks.fuzz_media", "--seed", "1"], cwd=root, check=False)
    assert done.returncode == 0
