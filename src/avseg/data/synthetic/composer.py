"""Actors from cut-out pictures with sound files beside them."""

import csv
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

SOUND_SUFFIXES = (".wav", ".ogg", ".flac")
CLASS_FILE = "classes.csv"
_MOST_ACTORS = 3
_SILENT_PEAK = 1e-3
_BLOCK = SAMPLE_RATE // 50
_PAUSE_DB = -36.0  # below the loudest block
_LONGEST_PAUSE = 5  # blocks of 20 ms
_CROSSFADE = SAMPLE_RATE // 50


@dataclass(frozen=True)
class Cutout:
    """A picture with its sound.

    Attributes:
        stem: file name without suffix.
        category: its class.
        sprite: (h, w, 4) uint8 RGBA, cut to what is not clear.
        wave: (n,) float32 at 16 kHz, without pauses, root mean square 1.
    """

    stem: str
    category: str
    sprite: NDArray[np.uint8]
    wave: NDArray[np.float32]


class CutoutCast:
    """Draws actors of different classes from a folder of cut-outs.

    Args:
        folder: pairs X.png and X.wav, X.ogg or X.flac; with a file `classes.csv` (columns `file` and `class`) several
            files may share a class, otherwise each is its own.
        classes: use only these; None = all.
        held_out: share of the classes that only the test split shows (and it shows no others); 0 = all splits alike.
        seed: decides which classes are held out.

    Raises:
        UserError: no folder, no pair, a picture without sound or alpha, a silent or unreadable sound, an unknown class,
            fewer than three classes for a split.
    """

    prefix = "cutouts"

    def __init__(
        self, folder: Path, classes: Sequence[str] | None = None, held_out: float = 0.0, seed: int = 0
    ) -> None:
        if not 0 <= held_out < 1:
            raise UserError(f"held-out is {held_out}; allowed: from 0 up to, not including, 1")
        self.by_class = _load(folder, classes)
        self.held_out = _draw_held_out(self.categories, held_out, seed)
        for split in ("train", "test"):
            count = len(self.pool(split))
            if count < _MOST_ACTORS:
                raise UserError(f"{folder}: the {split} split has {count} classes; at least {_MOST_ACTORS} are needed")

    @property
    def categories(self) -> list[str]:
        """All classes in alphabetic order."""
        return sorted(self.by_class)

    def pool(self, split: str) -> list[str]:
        """The classes of a split."""
        if not self.held_out:
            return self.categories
        return [name for name in self.categories if (name in self.held_out) == (split == "test")]

    def draw(self, rng: np.random.Generator, count: int, split: str) -> list[Actor]:
        """Actors of different classes, mirrored at random."""
        names = rng.choice(self.pool(split), count, replace=False)
        return [self._actor(str(name), rng) for name in names]

    def _actor(self, name: str, rng: np.random.Generator) -> Actor:
        cutout = self.by_class[name][int(rng.integers(len(self.by_class[name])))]
        sprite = cutout.sprite[:, ::-1].copy() if rng.uniform() < 0.5 else cutout.sprite

        def voice(sound_rng: np.random.Generator, samples: int) -> NDArray[np.float32]:
            return loop(cutout.wave, samples, int(sound_rng.integers(len(cutout.wave))))

        return Actor(category=name, source=cutout.stem, sprite=sprite, voice=voice)


def loop(wave: NDArray[np.float32], samples: int, start: int) -> NDArray[np.float32]:
    """Repeats a sound without clicks: its end fades into its beginning.

    Args:
        wave: (n,).
        samples: wanted length.
        start: where in the sound to begin.
    """
    fade = min(_CROSSFADE, len(wave) // 4)
    ramp = np.linspace(0, 1, fade, dtype=np.float32)
    body = wave[: len(wave) - fade].copy()
    body[:fade] = body[:fade] * ramp + wave[len(wave) - fade :] * (1 - ramp)
    return np.asarray(body[np.arange(start, start + samples) % len(body)])


def read_sound(path: Path) -> NDArray[np.float32]:
    """A sound at 16 kHz, mono, without pauses (it shall be heard whenever its object sounds), root mean square 1.

    Raises:
        UserError: unreadable, silent, or not all finite.
    """
    try:
        wave, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except (soundfile.SoundFileError, OSError) as error:
        raise UserError(f"{path} is not a readable sound ({error}); replace it or remove the pair") from error
    mono = wave.mean(axis=1) if len(wave) else np.zeros(1, np.float32)
    if not np.isfinite(mono).all():
        raise UserError(f"{path} holds values that are no numbers; replace it or remove the pair")
    if float(np.abs(mono).max()) < _SILENT_PEAK:
        raise UserError(f"{path} is silent; replace it or remove the pair")
    resampled = torchaudio.functional.resample(torch.from_numpy(mono), rate, SAMPLE_RATE).numpy()
    heard = without_pauses(resampled)
    return np.asarray(heard / np.sqrt(np.mean(heard**2)), dtype=np.float32)


def without_pauses(wave: NDArray[np.float32]) -> NDArray[np.float32]:
    """Shortens quiet stretches to 0.1 s and cuts them off at both ends.

    Args:
        wave: (n,) at 16 kHz, not silent.

    Returns:
        (m,), a whole number of blocks of 20 ms.
    """
    blocks = np.pad(wave, (0, -len(wave) % _BLOCK)).reshape(-1, _BLOCK)
    level = np.sqrt((blocks**2).mean(axis=1))
    loud = level > level.max() * 10 ** (_PAUSE_DB / 20)
    keep, quiet = np.zeros(len(loud), dtype=np.bool_), _LONGEST_PAUSE
    for i, is_loud in enumerate(loud):
        quiet = 0 if is_loud else quiet + 1
        keep[i] = quiet <= _LONGEST_PAUSE
    keep[np.flatnonzero(loud)[-1] + 1 :] = False
    return np.asarray(blocks[keep].reshape(-1))


def read_sprite(path: Path) -> NDArray[np.uint8]:
    """A cut-out picture, (h, w, 4) uint8 RGBA, cut to what is not clear.

    Raises:
        UserError: unreadable, without an alpha channel, or with one that is all clear or all solid.
    """
    try:
        with Image.open(path) as file:
            has_alpha = "A" in file.getbands() or "transparency" in file.info
            picture = file.convert("RGBA")
    except (OSError, UnidentifiedImageError, SyntaxError) as error:
        raise UserError(f"{path} is not a readable picture ({error}); replace it or remove the pair") from error
    alpha = np.asarray(picture)[..., 3]
    if not has_alpha or alpha.min() >= 128 or alpha.max() < 128:
        state = "no alpha channel" if not has_alpha else "nothing clear" if alpha.min() >= 128 else "nothing solid"
        raise UserError(f"{path} has {state}; cut the object out (RGBA, clear around it) or remove the pair")
    return np.asarray(picture.crop(picture.getchannel("A").point(lambda a: 255 if a >= 128 else 0).getbbox()))


def _load(folder: Path, classes: Sequence[str] | None) -> dict[str, list[Cutout]]:
    """The wanted cut-outs by class."""
    pairs = find_pairs(folder)
    names = read_classes(folder)
    category = {stem: names.get(stem, stem) for stem in pairs}
    known = sorted(set(category.values()))
    for name in classes or ():
        if name not in known:
            raise UserError(f"class '{name}' is not among the cut-outs of {folder}{nearest(name, known)}")
    by_class: dict[str, list[Cutout]] = {}
    for stem, (picture, sound) in pairs.items():
        if classes is None or category[stem] in classes:
            cutout = Cutout(stem, category[stem], read_sprite(picture), read_sound(sound))
            by_class.setdefault(cutout.category, []).append(cutout)
    return by_class


def find_pairs(folder: Path) -> dict[str, tuple[Path, Path]]:
    """The pictures of a folder with their sounds, by stem.

    Raises:
        UserError: no folder, no picture, a picture without sound.
    """
    if not folder.is_dir():
        raise UserError(f"cut-outs folder {folder} does not exist; make one with `avseg data cutouts --out {folder}`")
    pictures = sorted(folder.glob("*.png"))
    if not pictures:
        raise UserError(f"{folder} holds no cut-out (X.png with X.wav); make some with `avseg data cutouts --out DIR`")
    pairs = {}
    for picture in pictures:
        sounds = [picture.with_suffix(suffix) for suffix in SOUND_SUFFIXES if picture.with_suffix(suffix).is_file()]
        if not sounds:
            raise UserError(f"{picture} has no sound beside it; add {picture.stem}{' or '.join(SOUND_SUFFIXES)}")
        pairs[picture.stem] = (picture, sounds[0])
    return pairs


def read_classes(folder: Path) -> dict[str, str]:
    """Class by file stem from `classes.csv`; {} where there is none.

    Raises:
        UserError: the file lacks the columns `file` and `class`.
    """
    path = folder / CLASS_FILE
    if not path.is_file():
        return {}
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        if not {"file", "class"} <= set(reader.fieldnames or ()):
            raise UserError(f"{path} has the columns {reader.fieldnames}; needed: file, class")
        return {row["file"]: row["class"] for row in reader}


def _draw_held_out(categories: list[str], share: float, seed: int) -> frozenset[str]:
    count = round(share * len(categories))
    order = np.random.default_rng(seed).permutation(len(categories))
    return frozenset(categories[int(i)] for i in order[:count])
