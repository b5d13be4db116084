"""Make the example's data set: a red and a blue square; the high or the low tone decides which one sounds."""

import sys
from pathlib import Path

import numpy as np
import soundfile

RATE = 8000
SECONDS = 3
SIZE = 40
COUNTS = {"train": 12, "val": 4, "test": 6}


def make_example_set(root: Path) -> None:
    """Write all splits below `root`."""
    generator = np.random.default_rng(0)
    for split, count in COUNTS.items():
        (root / split).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            _write_clip(root / split / f"clip{number:02d}", generator)


def _write_clip(path: Path, generator: np.random.Generator) -> None:
    frames = np.zeros((SECONDS, SIZE, SIZE, 3), np.uint8)
    masks = np.zeros((SECONDS, SIZE, SIZE), np.uint8)
    waveform = np.zeros(SECONDS * RATE, np.float32)
    times = np.arange(RATE) / RATE
    for second in range(SECONDS):
        rows = generator.integers(0, SIZE // 2, 2)
        frames[second, rows[0] : rows[0] + 12, 4:16] = (255, 60, 60)
        frames[second, rows[1] : rows[1] + 12, 24:36] = (60, 60, 255)
        source = int(generator.integers(0, 3))  # 0 red, 1 blue, 2 silence
        if source < 2:
            left = 4 + 20 * source
            masks[second, rows[source] : rows[source] + 12, left : left + 12] = 1
            tone = 0.5 * np.sin(2 * np.pi * (300, 1200)[source] * times)
            waveform[second * RATE : (second + 1) * RATE] = tone
    np.savez(path.with_suffix(".npz"), frames=frames, masks=masks)
    soundfile.write(path.with_suffix(".wav"), waveform, RATE)


if __name__ == "__main__":
    make_example_set(Path(sys.argv[1]))
