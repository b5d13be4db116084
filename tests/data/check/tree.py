"""Complete AVSBench trees of tiny images in the official layout, fast to write: equal files are hard links.

Only the first frame differs between clips (its colour is the clip's number), so that no two clips are the same.
"""

import io
import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import soundfile
from PIL import Image

from avseg.data.avsbench.layout import AVSSLayout, Layout, layout_for
from avseg.data.check.published import PUBLISHED, Expected
from avseg.data.palette import AVSS_CLASSES, voc_palette
from avseg.data.setting import SPLITS, ClipEntry

SIZE = 16
# the same proportions in seconds: 12 / 4 / 4 clips of 4 categories
SMALL = {"s4": {"train": 12, "val": 4, "test": 4}, "ms3": {"train": 8, "val": 3, "test": 3}}
SMALL["avss"] = {"train": 6, "val": 3, "test": 3}
SMALL_CATEGORIES = ("cat_meowing", "dog_barking", "helicopter", "horse_clip-clop")
NAMES = ("background", "cat", "dog", "man", *(f"thing{index}" for index in range(4, AVSS_CLASSES)))


def small(setting: str) -> Expected:
    """Return the expected content of a small tree."""
    categories = SMALL_CATEGORIES if setting == "s4" else ()
    return Expected(SMALL[setting], categories, {"helicopter": 5} if categories else {}, "a test")


def make_tree(root: Path, setting: str, counts: dict[str, int] | None = None, log_mel: bool = False) -> Layout:
    """Write a complete tree.

    Args:
        root: folder to write.
        setting: "s4", "ms3" or "avss".
        counts: clips per split; default: as published.
        log_mel: True for log-mel files next to the wavs.
    """
    layout = layout_for(setting, root)
    published = PUBLISHED[setting]
    counts = dict(published.splits) if counts is None else counts
    entries = list(_entries(layout, counts))
    links = _Links(root.with_name(f"{root.name}-originals"))
    for number, entry in enumerate(entries):
        _write(layout, entry, number, links, log_mel)
    layout.write_index(entries)
    if isinstance(layout, AVSSLayout):
        layout.label_file.write_text(json.dumps({name: index for index, name in enumerate(NAMES)}))
    return layout


def _entries(layout: Layout, counts: dict[str, int]) -> Iterable[ClipEntry]:
    total = sum(counts.values())
    categories = _categories(layout, total)
    splits = [split for split in SPLITS for _ in range(counts[split])]
    # categories are spread over all splits: the helicopters must add up to the published number
    for number, split in enumerate(splits):
        subset = ("v1s", "v1m", "v2")[number % 3] if layout.setting.semantic else ""
        yield ClipEntry(f"{split}_{number}_0", categories[number * 7 % total], split, float(number), subset)


def _categories(layout: Layout, total: int) -> list[str]:
    if layout.setting.mask_coding == "palette":
        return [""] * total
    if layout.setting.semantic:
        return ["cat_dog"] * total
    names = SMALL_CATEGORIES if total < 100 else PUBLISHED["s4"].categories
    helicopters = 5 if total < 100 else PUBLISHED["s4"].clips["helicopter"]
    remaining = [name for name in names if name != "helicopter"]
    return ["helicopter"] * helicopters + [remaining[number % len(remaining)] for number in range(total - helicopters)]


class _Links:
    """Writes each content once and links it from then on."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.folders: set[Path] = set()
        folder.mkdir(parents=True)

    def put(self, path: Path, name: str, content: Callable[[], bytes]) -> None:
        original = self.folder / name
        if not original.exists():
            original.write_bytes(content())
        if path.parent not in self.folders:
            path.parent.mkdir(parents=True, exist_ok=True)
            self.folders.add(path.parent)
        os.link(original, path)


def _write(layout: Layout, entry: ClipEntry, number: int, links: _Links, log_mel: bool) -> None:
    frames, masks = layout.frames(entry), layout.masks(entry)
    suffix = frames[0].suffix
    for path in frames[1:]:
        links.put(path, f"frame{suffix}", lambda: image_bytes(np.full((SIZE, SIZE, 3), 200, np.uint8), suffix))
    pixels = np.full((SIZE, SIZE, 3), (number % 251, number // 251, 7), np.uint8)
    frames[0].write_bytes(image_bytes(pixels, ".png"))  # png also under the name of a jpg, to keep the exact colour
    for path in masks:
        links.put(path, f"mask_{layout.setting}.png", lambda: mask_bytes(layout.setting.name))
    links.put(layout.wav(entry), f"sound{len(frames)}.wav", lambda: wav_bytes(len(frames)))
    if log_mel:
        links.put(layout.log_mel(entry), "patches.pkl", lambda: log_mel_bytes(len(frames)))


def mask_bytes(setting: str, mark: tuple[slice, slice] = (slice(4, 12), slice(4, 12)), value: int = 255) -> bytes:
    """Return a mask as in its setting: mode "1" (S4), a palette with 255 (MS3), class colours (AVSS)."""
    labels = np.zeros((SIZE, SIZE), np.uint8)
    labels[mark] = value
    if setting == "avss":
        return image_bytes(voc_palette()[np.where(labels == 255, 1, labels)], ".png")
    image = Image.fromarray(labels)
    if setting == "ms3":
        image = Image.frombytes("P", image.size, image.tobytes())
        image.putpalette([0] * 765 + [255] * 3)
    return _saved(image.convert("1") if setting == "s4" and value == 255 else image, ".png")


def image_bytes(pixels: np.ndarray, suffix: str) -> bytes:
    """Return an image file."""
    return _saved(Image.fromarray(pixels), suffix)


def wav_bytes(seconds: float, rate: int = 4000, level: float = 0.3) -> bytes:
    """Return a wav with a tone; a low rate keeps it small."""
    buffer = io.BytesIO()
    time = np.arange(round(seconds * rate)) / rate
    soundfile.write(buffer, level * np.sin(2 * np.pi * 300 * time), rate, subtype="PCM_16", format="WAV")
    return buffer.getvalue()


def log_mel_bytes(patches: int) -> bytes:
    """Return a log-mel file as released: a pickled tensor."""
    import pickle

    import torch

    return pickle.dumps(torch.zeros(patches, 1, 96, 64))


def replace_file(path: Path, content: bytes) -> None:
    """Replace the content of one file; its hard links keep the old one."""
    path.unlink()
    path.write_bytes(content)


def _saved(image: Image.Image, suffix: str) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format="PNG" if suffix == ".png" else "JPEG", compress_level=1)
    return buffer.getvalue()
