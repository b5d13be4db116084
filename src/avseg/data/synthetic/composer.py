"""Cast of cut-out images paired with sound files."""

import csv
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import torch
import torchaudio.functional
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from avseg.data.synthetic.generate import Actor
from avseg.data.synthetic.soundtrack import SAMPLE_RATE
from avseg.utils.errors import UserError, nearest
from avseg.utils.names import printable

SOUND_SUFFIXES = (".wav", ".ogg", ".flac")
CLASS_FILE = "classes.csv"
_MAX_ACTORS = 3  # in one clip
_SILENT_PEAK = 1e-3  # relative to full scale
_BLOCK = SAMPLE_RATE // 50  # samples, 20 ms
_PAUSE_DB = -36.0  # below the loudest block
_LONGEST_PAUSE = 5  # blocks of 20 ms
_CROSSFADE = SAMPLE_RATE // 50  # samples, 20 ms


@dataclass(frozen=True)
class Cutout:
    """An image with its sound."""

    stem: str  # file name without suffix
    category: str
    sprite: NDArray[np.uint8]  # (h, w, 4) uint8 RGBA, cropped to the opaque pixels
    wave: NDArray[np.float32]  # (n,) float32 at 16 kHz, without pauses, RMS 1


class CutoutCast:
    """Draw actors of different classes from a folder of cut-outs.

    Args:
        folder: pairs X.png and X.wav, X.ogg or X.flac; with a file `classes.csv` (columns `file` and `class`) several
            files may share a class, otherwise each file is a class.
        classes: use only these; None = all.
        held_out: share of the classes reserved for the test split (which then shows only these); 0 = all splits alike.
        seed: selects the held-out classes.

    Raises:
        UserError: no folder, no pair, an image without sound or alpha, a silent or unreadable sound, an unknown class,
            fewer than three classes for a split.
    """

    prefix = "cutouts"

    def __init__(
        self, folder: Path, classes: Sequence[str] | None = None, held_out: float = 0.0, seed: int = 0
    ) -> None:
        if not 0 <= held_out < 1:
            raise UserError(f"held-out is {held_out}; allowed: from 0 up to, not including, 1")
        self.by_class = _load_cutouts(folder, classes)
        self.held_out = _draw_held_out(self.categories, held_out, seed)
        for split in ("train", "test"):
            count = len(self.pool(split))
            if count < _MAX_ACTORS:
                raise UserError(f"{folder}: the {split} split has {count} classes; at least {_MAX_ACTORS} are needed")

    @property
    def categories(self) -> list[str]:
        """All classes in alphabetical order."""
        return sorted(self.by_class)

    def pool(self, split: str) -> list[str]:
        """Return the classes of a split."""
        if not self.held_out:
            return self.categories
        return [name for name in self.categories if (name in self.held_out) == (split == "test")]

    def draw(self, rng: np.random.Generator, count: int, split: str) -> list[Actor]:
        """Draw `count` actors of different classes, mirrored at random."""
        names = rng.choice(self.pool(split), count, replace=False)
        return [self._actor(str(name), rng) for name in names]

    def _actor(self, name: str, rng: np.random.Generator) -> Actor:
        cutouts = self.by_class[name]
        cutout = cutouts[int(rng.integers(len(cutouts)))]
        sprite = cutout.sprite[:, ::-1].copy() if rng.uniform() < 0.5 else cutout.sprite

        def voice(sound_rng: np.random.Generator, samples: int) -> NDArray[np.float32]:
            return loop_sound(cutout.wave, samples, int(sound_rng.integers(len(cutout.wave))))

        return Actor(category=name, source=cutout.stem, sprite=sprite, voice=voice)


def loop_sound(wave: NDArray[np.float32], samples: int, start: int) -> NDArray[np.float32]:
    """Repeat a sound (n,) from sample `start` to (samples,), without clicks: its end fades into its beginning."""
    fade = min(_CROSSFADE, len(wave) // 4)
    ramp = np.linspace(0, 1, fade, dtype=np.float32)
    body = wave[: len(wave) - fade].copy()  # what is repeated
    body[:fade] = body[:fade] * ramp + wave[len(wave) - fade :] * (1 - ramp)
    return np.asarray(body[np.arange(start, start + samples) % len(body)])


def read_sound(path: Path) -> NDArray[np.float32]:
    """Read a sound at 16 kHz, mono, RMS 1, without pauses (it must be audible whenever its object sounds).

    Raises:
        UserError: unreadable, silent, or not finite.
    """
    try:
        wave, rate = soundfile.read(os.fsencode(path), dtype="float32", always_2d=True)  # (n, channels)
    except (soundfile.SoundFileError, OSError) as error:
        raise UserError(f"{path} is not a readable sound ({error}); replace it or remove the pair") from error
    mono = wave.mean(axis=1) if len(wave) else np.zeros(1, np.float32)  # (n,)
    if not np.isfinite(mono).all():
        raise UserError(f"{path} contains NaN or infinite samples; replace it or remove the pair")
    if float(np.abs(mono).max()) < _SILENT_PEAK:
        raise UserError(f"{path} is silent; replace it or remove the pair")
    resampled = torchaudio.functional.resample(torch.from_numpy(mono), rate, SAMPLE_RATE).numpy()
    audible = without_pauses(resampled)
    return np.asarray(audible / np.sqrt(np.mean(audible**2)), dtype=np.float32)


def without_pauses(wave: NDArray[np.float32]) -> NDArray[np.float32]:
    """Shorten quiet stretches of a sound to 0.1 s and trim them at both ends, in blocks of 20 ms: (n,) -> (m,)."""
    blocks = np.pad(wave, (0, -len(wave) % _BLOCK)).reshape(-1, _BLOCK)  # (blocks, samples)
    level = np.sqrt((blocks**2).mean(axis=1))  # RMS of each block, (blocks,)
    loud = level > level.max() * 10 ** (_PAUSE_DB / 20)
    keep = np.zeros(len(loud), dtype=np.bool_)
    quiet_blocks = _LONGEST_PAUSE  # trims the start
    for i, is_loud in enumerate(loud):
        quiet_blocks = 0 if is_loud else quiet_blocks + 1
        keep[i] = quiet_blocks <= _LONGEST_PAUSE
    keep[np.flatnonzero(loud)[-1] + 1 :] = False
    return np.asarray(blocks[keep].reshape(-1))


def read_sprite(path: Path) -> NDArray[np.uint8]:
    """Read a cut-out image as (h, w, 4) uint8 RGBA, cropped to the opaque pixels.

    Raises:
        UserError: unreadable, without an alpha channel, or fully transparent or opaque.
    """
    try:
        with Image.open(path) as file:
            has_alpha = "A" in file.getbands() or "transparency" in file.info
            image = file.convert("RGBA")
    except (OSError, UnidentifiedImageError, SyntaxError) as error:
        raise UserError(f"{path} is not a readable image ({error}); replace it or remove the pair") from error
    opaque = np.asarray(image)[..., 3] >= 128  # (h, w)
    if not has_alpha or opaque.all() or not opaque.any():
        missing = "alpha channel" if not has_alpha else "transparent pixel" if opaque.all() else "opaque pixel"
        raise UserError(f"{path} has no {missing}; cut the object out (RGBA, transparent around it) or remove the pair")
    return np.asarray(image.crop(Image.fromarray(opaque).getbbox()))


def _load_cutouts(folder: Path, classes: Sequence[str] | None) -> dict[str, list[Cutout]]:
    """Read the cut-outs of the requested classes, by class."""
    pairs = find_pairs(folder)
    class_by_stem = read_classes(folder)
    category = {stem: class_by_stem.get(stem, printable(stem)) for stem in pairs}
    allowed = sorted(set(category.values()))
    for name in classes or ():
        if name not in allowed:
            raise UserError(f"class '{name}' is not among the cut-outs of {folder}{nearest(name, allowed)}")
    by_class: dict[str, list[Cutout]] = {}
    for stem, (image, sound) in pairs.items():
        if classes is None or category[stem] in classes:
            cutout = Cutout(stem, category[stem], read_sprite(image), read_sound(sound))
            by_class.setdefault(cutout.category, []).append(cutout)
    return by_class


def find_pairs(folder: Path) -> dict[str, tuple[Path, Path]]:
    """Find the images of a folder and their sounds, by stem; each image must have a sound."""
    if not folder.is_dir():
        raise UserError(f"cut-outs folder {folder} does not exist; create it with `avseg data cutouts --out {folder}`")
    images = sorted(folder.glob("*.png"))
    if not images:
        text = f"{folder} contains no cut-out (X.png with X.wav); create some with `avseg data cutouts --out DIR`"
        raise UserError(text)
    pairs = {}
    for image in images:
        pairs[image.stem] = (image, _find_sound(image))
    return pairs


def _find_sound(image: Path) -> Path:
    for suffix in SOUND_SUFFIXES:
        if image.with_suffix(suffix).is_file():
            return image.with_suffix(suffix)
    raise UserError(f"{image} has no sound file; add {image.stem}{' or '.join(SOUND_SUFFIXES)}")


def read_classes(folder: Path) -> dict[str, str]:
    """Read the class of each file stem from `classes.csv`; {} if the file does not exist."""
    path = folder / CLASS_FILE
    if not path.is_file():
        return {}
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        if not {"file", "class"} <= set(reader.fieldnames or ()):
            raise UserError(f"{path} has the columns {reader.fieldnames}; needed: file, class")
        return {row["file"]: row["class"] for row in reader}


def _draw_held_out(categories: list[str], share: float, seed: int) -> frozenset[str]:
    """Draw the classes of the test split."""
    count = round(share * len(categories))
    order = np.random.default_rng(seed).permutation(len(categories))
    return frozenset(np.take(categories, order[:count]).tolist())
