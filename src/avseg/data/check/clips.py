"""Read every file of one AVSBench clip; record its defects and the numbers for the statistics."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from PIL import Image

from avseg.data.avsbench.layout import Layout
from avseg.data.check.findings import Finding, reason, relative
from avseg.data.check.masks import MaskRules, check_mask, decode_mask
from avseg.data.check.sounds import ClipSound, check_sound
from avseg.data.setting import ClipEntry
from avseg.media.images import open_image
from avseg.utils.errors import UserError
from avseg.utils.processes import map_in_order

Size = tuple[int, int]  # width, height
Progress = Callable[[int, int], None]  # finished items, all items
_EMPTY_MASK = "look at it; if nothing visible sounds there it is correct, otherwise fetch it again"


@dataclass(frozen=True)
class ClipRules:
    """Expectations that hold for every clip of a set."""

    layout: Layout
    sounds: tuple[str, ...]  # the sound files a clip should have: "wav", "log_mel"
    masks: MaskRules | None  # allowed content of the masks; None for a set without masks
    synthetic: bool = False  # True if objects may hide behind each other for a second, as in generated sets
    seconds: int = 0  # length of the sound if it exceeds the frames that are read; 0 = one second per frame
    short: bool = False  # True if a sound may be shorter than its clip, as in prepared sets with short videos


@dataclass
class ClipRecord:
    """The findings and measurements of one clip."""

    entry: ClipEntry
    findings: list[Finding] = field(default_factory=list)
    frames: int = 0  # number of readable frames
    size: Size | None = None  # most common (width, height) of the frames; None if no frame is readable
    digest: str = ""  # hash of the first frame and the sound; "" if either is unreadable
    # per annotated second the share of the image that is marked; None if unreadable
    marked: list[float | None] = field(default_factory=list)
    classes: list[tuple[int, ...]] = field(default_factory=list)  # AVSS: class ids in each annotated second
    sound: ClipSound = field(default_factory=ClipSound)


def read_clips(rules: ClipRules, entries: Sequence[ClipEntry], jobs: int, progress: Progress) -> list[ClipRecord]:
    """Check all clips in `jobs` processes; return their records in the same order."""
    records: list[ClipRecord] = []
    for record in map_in_order(partial(read_clip, rules), entries, jobs):
        records.append(record)
        progress(len(records), len(entries))
    return records


def read_clip(rules: ClipRules, entry: ClipEntry) -> ClipRecord:
    """Check all files of a clip."""
    reader = _ClipReader(rules, entry)
    frames = rules.layout.frames(entry)
    record = reader.record
    record.sound = check_sound(
        rules.layout, entry, rules.sounds, rules.seconds or len(frames), record.findings, short=rules.short
    )
    first_frame = reader.read_frames(frames)
    if first_frame and record.sound.digest:
        # the frame alone would match any two clips that begin with a black frame
        record.digest = hashlib.sha256((first_frame + record.sound.digest).encode()).hexdigest()[:16]
    if rules.masks is not None:
        reader.read_masks(rules.masks)
    return record


class _ClipReader:
    """Fills the record of one clip."""

    def __init__(self, rules: ClipRules, entry: ClipEntry) -> None:
        self.rules = rules
        self.record = ClipRecord(entry)

    def read_frames(self, paths: list[Path]) -> str:
        """Decode the frames and compare their sizes; return the digest of the first, "" if it is unreadable."""
        sizes: dict[Path, Size] = {}
        digest = ""
        for path in self._existing(paths, "frame"):
            image = self._open(path, "frame")
            if image is None:
                continue
            sizes[path] = image.size
            if path == paths[0]:
                # of the pixels, since a file may be encoded again
                digest = hashlib.sha256(image.convert("RGB").tobytes()).hexdigest()
        self.record.frames = len(sizes)
        if sizes:
            width, height = self.record.size = max(sizes.values(), key=list(sizes.values()).count)
        for path, size in sizes.items():
            if size != self.record.size:
                self._add("size", path, f"is {size[0]} x {size[1]}, the clip's other frames {width} x {height}")
        return digest

    def read_masks(self, rules: MaskRules) -> None:
        """Decode the masks; check size, values and emptiness."""
        record = self.record
        paths = self.rules.layout.masks(record.entry)
        record.marked = [None] * len(paths)  # until the mask of that second is decoded
        for path in self._existing(paths, "mask"):
            image = self._open(path, "mask")
            if image is None:
                continue
            if record.size is not None and image.size != record.size:
                text = f"is {image.width} x {image.height}, its frame {record.size[0]} x {record.size[1]}"
                self._add("size", path, text)
            mask = decode_mask(image, rules)
            record.marked[paths.index(path)] = mask.share
            record.classes.append(mask.classes)
            record.findings += check_mask(mask, rules, record.entry, relative(path, self.rules.layout.root))
        self._check_empty(paths)

    def _check_empty(self, paths: list[Path]) -> None:
        """Check masks that mark nothing.

        An S4 clip has one visible source, so each second that is not silent shows it. In the other settings a single
        empty second is normal.
        """
        loud = self.record.sound.loud
        empty: list[Path] = []
        # loud is empty for an unreadable sound, and longer than the masks of a training clip of S4
        for path, share, is_loud in zip(paths, self.record.marked, loud, strict=False):
            if share == 0 and is_loud:
                empty.append(path)
        if self.rules.layout.setting.single_source and not self.rules.synthetic:
            for path in empty:
                self._add("empty mask", path, "marks nothing, though this second is not silent", _EMPTY_MASK)
        elif empty and set(self.record.marked) == {0}:  # no mark and no unreadable mask in the whole clip
            text = f"all {len(paths)} masks mark nothing, though the clip is not silent"
            self._add("empty mask", paths[0].parent, text, _EMPTY_MASK)

    def _open(self, path: Path, noun: str) -> Image.Image | None:
        """Decode an image; None with a finding if it is unreadable."""
        try:
            return open_image(path, noun)
        except UserError as error:
            self._add("unreadable", path, reason(error, path) if path.stat().st_size else "is empty (0 bytes)")
            return None

    def _existing(self, paths: list[Path], noun: str) -> list[Path]:
        """Return the files that exist; report the others, as one finding if none exists."""
        existing = list(filter(Path.is_file, paths))
        if len(paths) > 1 and not existing:  # usually a folder that was not unpacked
            self._add("missing", paths[0].parent, f"none of the clip's {len(paths)} {noun}s exists")
            return []
        for path in paths:
            if path not in existing:
                self._add("missing", path, f"a {noun} of the clip does not exist")
        return existing

    def _add(self, issue: str, path: Path, message: str, *fix: str) -> None:
        self.record.findings.append(Finding(issue, relative(path, self.rules.layout.root), message, *fix))
