"""Clips from the disk to a batch: PNG and wav files against the packed split, in one process, with a warm cache."""

import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
import torch
from PIL import Image

from avseg.data.avsbench.dataset import AVSBenchDataset
from avseg.data.avsbench.layout import MS3Layout
from avseg.data.loader import GuardedLoader
from avseg.data.pack import PackedDataset, build_pack
from avseg.data.setting import ClipEntry
from benchmarks.measure import Comparison, alternate

BATCH = 4


def write_clips(root: Path, count: int, size: int) -> None:
    """Write an MS3 training split whose images compress like photos: noise with a 1/f spectrum; a disc sounds."""
    layout, rng = MS3Layout(root), np.random.default_rng(0)
    entries = [ClipEntry(f"clip{number}", "", "train") for number in range(count)]
    y, x = np.mgrid[:size, :size]
    for entry in entries:
        for path in layout.frames(entry):
            _save(path, Image.fromarray(_photo(rng, size)))
        for path in layout.masks(entry):
            cy, cx = rng.uniform(0.2, 0.8, 2) * size
            disc = (y - cy) ** 2 + (x - cx) ** 2 < (0.2 * size) ** 2
            _save(path, Image.fromarray(disc.astype(np.uint8) * 255, mode="L").convert("P"))
        wav = layout.wav(entry)
        wav.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(wav, 0.1 * rng.standard_normal(5 * 16_000), 16_000, subtype="PCM_16")
    layout.write_index(entries)


def measure(count: int = 32, size: int = 224, repeats: int = 5) -> list[Comparison]:
    """Measure milliseconds per clip; both forms return equal batches."""
    with tempfile.TemporaryDirectory() as folder:
        write_clips(Path(folder), count, size)
        files = AVSBenchDataset(folder, "ms3", "train", size)
        build_pack(files, "benchmark")
        packed = PackedDataset(folder, "ms3", "train", size)
        for mine, theirs in zip(_loader(packed), _loader(files), strict=True):
            assert all(torch.equal(getattr(mine, key), getattr(theirs, key)) for key in ("frames", "sound", "masks"))
        times = alternate(lambda: _read(packed), lambda: _read(files), repeats)
        ours, theirs_ms = ([milliseconds / count for milliseconds in form] for form in times)
    return [Comparison(f"clip of 5 frames {size}x{size}: packed against files", "ms", ours, theirs_ms, 20)]


def _loader(dataset: AVSBenchDataset) -> GuardedLoader:
    return GuardedLoader(dataset, batch_size=BATCH, num_workers=0)


def _read(dataset: AVSBenchDataset) -> None:
    for _ in _loader(dataset):
        pass


def _photo(rng: np.random.Generator, size: int) -> npt.NDArray[np.uint8]:
    """Draw an image (size, size, 3)."""
    frequency = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None])
    frequency[0, 0] = 1
    channels = [np.fft.irfft2(np.fft.rfft2(rng.standard_normal((size, size))) / frequency) for _ in range(3)]
    # the channels of a photo are correlated
    image = np.stack([channels[0] + 0.1 * channel for channel in channels], axis=-1)
    return np.uint8(np.clip(128 + 40 * image / image.std(), 0, 255))


def _save(path: Path, image: Image.Image) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)
