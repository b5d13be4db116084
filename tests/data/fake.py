"""Tiny fake AVSBench trees in the official layout: random frames, discs as masks, a tone per clip."""

import json
from pathlib import Path

import numpy as np
import soundfile
from PIL import Image

from avseg.data.avsbench.layout import AVSSLayout, Layout, MS3Layout, S4Layout
from avseg.data.palette import AVSS_CLASSES, voc_palette
from avseg.data.setting import ClipEntry

SPLIT_SIZES = {"train": 4, "val": 3, "test": 3}
CATEGORIES = ("cat", "dog", "helicopter")


def make_s4(root: Path, sizes: dict[str, int] = SPLIT_SIZES, size: int = 32) -> S4Layout:
    """An S4 tree: masks in mode "1"."""
    layout = S4Layout(root)
    entries = [
        ClipEntry(f"{split}clip{number}_{number}", CATEGORIES[number % len(CATEGORIES)], split, start=number)
        for split, count in sizes.items()
        for number in range(count)
    ]
    for number, entry in enumerate(entries):
        _write_clip(layout, entry, number, (size, size))
        for path, disc in zip(layout.masks(entry), discs(number, 5, size, size), strict=False):
            _save(Image.fromarray(disc), path)
    layout.write_index(entries)
    return layout


def make_ms3(root: Path, sizes: dict[str, int] = SPLIT_SIZES, size: int = 32) -> MS3Layout:
    """An MS3 tree: palette masks, index 255 = sounding."""
    layout = MS3Layout(root)
    entries = [ClipEntry(f"{split}-{number}", "", split) for split, count in sizes.items() for number in range(count)]
    for number, entry in enumerate(entries):
        _write_clip(layout, entry, number, (size, size))
        for path, disc in zip(layout.masks(entry), discs(number, 5, size, size), strict=True):
            mask = Image.fromarray(disc.astype(np.uint8) * 255, mode="L")
            mask = Image.frombytes("P", mask.size, mask.tobytes())
            mask.putpalette([value for value in range(256) for _ in range(3)])
            _save(mask, path)
    layout.write_index(entries)
    return layout


def make_avss(root: Path, height: int = 36, width: int = 64) -> AVSSLayout:
    """An AVSS tree: in each split one clip of each subset."""
    layout = AVSSLayout(root)
    entries = [
        ClipEntry(f"{split}_{subset}", "cat_dog", split, subset=subset)
        for split in SPLIT_SIZES
        for subset in layout.lengths
    ]
    for number, entry in enumerate(entries):
        _write_clip(layout, entry, number, (height, width))
        for path, labels in zip(layout.masks(entry), label_maps(number, 10, height, width), strict=False):
            _save(Image.fromarray(voc_palette()[labels]), path)
    layout.write_index(entries)
    names = {"background": 0, **{f"class{index}": index for index in range(1, AVSS_CLASSES)}}
    layout.label_file.write_text(json.dumps(names))
    return layout


def random_frames(number: int, count: int, height: int, width: int) -> np.ndarray:
    """(count, height, width, 3) uint8, random, but fixed by the clip number."""
    return np.random.default_rng([number, 1]).integers(0, 256, (count, height, width, 3), dtype=np.uint8)


def discs(number: int, count: int, height: int, width: int) -> np.ndarray:
    """(count, height, width) bool."""
    random = np.random.default_rng([number, 2])
    y, x = np.mgrid[:height, :width]
    centres = random.uniform(0.25, 0.75, (count, 2)) * [height, width]
    return np.stack([(y - cy) ** 2 + (x - cx) ** 2 < (0.2 * height) ** 2 for cy, cx in centres])


def label_maps(number: int, count: int, height: int, width: int) -> np.ndarray:
    """(count, height, width) uint8 class indices in big blocks."""
    blocks = np.random.default_rng([number, 3]).integers(0, AVSS_CLASSES, (count, 4, 4), dtype=np.uint8)
    rows, columns = np.arange(height) * 4 // height, np.arange(width) * 4 // width
    return blocks[:, rows][:, :, columns]


def tone(number: int, seconds: float, rate: int = 16_000) -> np.ndarray:
    """A tone that rises by a step each second, so that no two patches are the same."""
    time = np.arange(int(seconds * rate)) / rate
    return 0.3 * np.sin(2 * np.pi * (200 + 40 * number + 150 * np.floor(time)) * time)


def _write_clip(layout: Layout, entry: ClipEntry, number: int, size: tuple[int, int]) -> None:
    paths = layout.frames(entry)
    for path, pixels in zip(paths, random_frames(number, len(paths), *size), strict=True):
        _save(Image.fromarray(pixels), path)
    wav = layout.wav(entry)
    wav.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(wav, tone(number, len(paths)), 16_000, subtype="PCM_16")


def _save(image: Image.Image, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)
