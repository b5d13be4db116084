"""A folder of masks as a method: which file is which frame, and what is missing, extra, damaged or of another size."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from avseg.comparison.mask_files import Levels, fit, read_values, to_probability
from avseg.comparison.patterns import FIELDS, fill, find_pattern, mask_files, per_clip
from avseg.data.setting import ClipEntry
from avseg.utils.errors import UserError

_MISSING = "missing"
Key = tuple[int, int]  # clip and frame, from 0


@dataclass(frozen=True)
class Finding:
    """One kind of defect of a folder."""

    kind: str  # "missing", "unreadable", "size" or "extra"
    count: int
    text: str  # a sentence with the count, an example and what is done

    @property
    def refused(self) -> bool:
        """True if only --allow-missing accepts it."""
        return self.kind in ("missing", "unreadable")


@dataclass(frozen=True)
class MaskFolder:
    """The masks of a split in a folder."""

    root: Path
    pattern: str
    soft: bool  # probabilities; otherwise 0 or 1
    files: tuple[tuple[str, ...], ...]  # by clip and frame
    absent: frozenset[Key]  # missing or unreadable; they count as empty masks
    findings: tuple[Finding, ...]

    def read(self, clip: int, height: int, width: int, length: int) -> np.ndarray:
        """Read the probabilities of a clip (length, height, width) float32; frames without a mask are 0."""
        maps = np.zeros((length, height, width), dtype=np.float32)
        previous, values = "", np.empty(0)
        for frame, file in enumerate(self.files[clip]):
            if (clip, frame) in self.absent:
                continue
            if file != previous:
                previous, values = file, _read(self.root / file, per_clip(self.pattern))
            mask = values[frame] if values.ndim == 3 else values
            maps[frame] = fit(to_probability(mask, self.soft), height, width, self.soft)
        return maps


def open_folder(
    root: Path,
    entries: Sequence[ClipEntry],
    split: str,
    frames: Sequence[int],  # that carry a label, by clip
    size: tuple[int, int],  # (height, width) of the truth
    pattern: str | None = None,
) -> MaskFolder:
    """Find and read every mask of a split once.

    Raises:
        UserError: the folder does not exist, or no file of it is a mask of the split.
    """
    if not root.is_dir():
        raise UserError(f"{root} is not a folder; name a folder of masks")
    present = mask_files(root)
    pattern = pattern or find_pattern(present, entries, split, frames)
    if not present:
        raise UserError(f"{root} holds no png, npz or npy file; name a run, weights or a folder of masks")
    if pattern is None:
        raise UserError(
            f"{root} holds {len(present)} png, npz and npy files, such as {min(present)}, but no mask of split "
            f"'{split}' under a known name; give --pattern with the fields {FIELDS}"
        )
    files = [tuple(fill(pattern, entry, split, count)) for entry, count in zip(entries, frames, strict=True)]
    named = set().union(*files)
    if not named & present:
        raise UserError(f"{root}: no file is named {pattern} (expected for example {files[0][0]}); correct --pattern")
    return _check(root, pattern, files, present - named, size)


def _read(path: Path, whole_clip: bool) -> np.ndarray:
    """Read a mask (h, w), or the masks of a clip (T, h, w); raises `UserError` for another number of axes."""
    values = read_values(path)
    if values.ndim == 3 and len(values) == 1 and not whole_clip:
        values = values[0]
    if (values.ndim == 3) != whole_clip:
        shape = "masks of a clip (T, h, w)" if whole_clip else "a mask (h, w)"
        raise UserError(f"{path} holds an array of shape {values.shape} instead of {shape}")
    return values


def _check(
    root: Path, pattern: str, files: list[tuple[str, ...]], extra: set[str], size: tuple[int, int]
) -> MaskFolder:
    missing: list[tuple[Key, str]] = []
    damaged: list[tuple[Key, str]] = []
    resized: list[str] = []
    levels = Levels()
    for clip, names in enumerate(files):
        previous, lengths, reason = "", 0, ""
        height, width = size
        for frame, name in enumerate(names):
            if name != previous:
                previous, reason = name, ""
                if not (root / name).is_file():
                    reason = _MISSING
                else:
                    try:
                        values = _read(root / name, per_clip(pattern))
                        levels.add(values)
                        lengths = len(values) if values.ndim == 3 else frame + 1
                        height, width = values.shape[-2:]
                    except UserError as error:
                        reason = str(error)
            if reason == _MISSING:
                missing.append(((clip, frame), name))
            elif reason:
                damaged.append(((clip, frame), reason))
            elif frame >= lengths:
                missing.append(((clip, frame), f"frame {frame + 1} of {name}"))
            elif (height, width) != size:
                resized.append(f"{name} is {width} x {height}")
    absent = frozenset(key for key, _ in missing + damaged)
    total = sum(map(len, files))
    findings = []
    if missing:
        text = f"{len(missing)} of {total} masks are missing (first: {missing[0][1]}); they count as empty"
        findings.append(Finding("missing", len(missing), text))
    if damaged:
        text = f"{len(damaged)} of {total} masks are unreadable (first: {damaged[0][1]}); they count as empty"
        findings.append(Finding("unreadable", len(damaged), text))
    if resized:
        how = "bilinear" if levels.soft else "nearest neighbour"
        text = (
            f"{len(resized)} of {total} masks have another size ({resized[0]}); resized to {size[1]} x {size[0]}, {how}"
        )
        findings.append(Finding("size", len(resized), text))
    if extra:
        text = f"{len(extra)} extra files are not masks of the split (first: {min(extra)}); ignored"
        findings.append(Finding("extra", len(extra), text))
    return MaskFolder(root, pattern, levels.soft, tuple(files), absent, tuple(findings))
