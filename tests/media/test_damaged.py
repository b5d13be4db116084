"""Damaged files end in a result or in one line; `benchmarks/fuzz_media.py` tries hundreds."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import fuzz_media
from tests.media.make_video import make_video

# file of the fuzz by container and damage: those that failed once, and one of each container
FILES = [
    ("mov", "head", 13),
    ("nut", "swap", 59),
    ("mkv", "twice", 171),
    ("mp4", "flip", 24),
    ("m4v", "cut", 2),
    ("webm", "zero", 40),
    ("ts", "flip", 29),
    ("mpg", "join", 90),
    ("avi", "drop", 67),
    ("flv", "twice", 80),
    ("wmv", "swap", 57),
    ("ogg", "join", 94),
]


@pytest.mark.filterwarnings("ignore:.*cannot be decoded:UserWarning")
@pytest.mark.parametrize(("suffix", "kind", "number"), FILES)
def test_a_damaged_file_ends_in_a_result_or_one_line(tmp_path: Path, suffix: str, kind: str, number: int) -> None:
    source = make_video(tmp_path / f"source.{suffix}", frames=100, **fuzz_media.CONTAINERS[suffix])
    path = tmp_path / f"v.{suffix}"
    fuzz_media.damage(source, path, kind, np.random.default_rng([0, number]))
    outcome = fuzz_media.read(path)
    assert outcome.startswith(("result", "one line"))


@pytest.mark.slow
def test_three_hundred_damaged_files() -> None:
    done = subprocess.run([sys.executable, fuzz_media.__file__, "--seed", "1"], check=False)
    assert done.returncode == 0
