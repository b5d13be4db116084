"""Reads everything of one clip of AVSBench, and tells what is wrong with it and what is in it."""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from avseg.data.avsbench.index import ClipEntry
from avseg.data.avsbench.layout import Layout
from avseg.data.check.findings import Finding, reason, relative
from avseg.data.check.masks import MaskRules, check_mask, mask_of
from avseg.data.check.sounds import HeardClip, hear
from avseg.media.images import open_image
from avseg.utils.errors import UserError

Size = tuple[int, int]


@dataclass(frozen=True)
class ClipRules:
    """How the clips of a set are looked at.

    Attributes:
        layout: where their files are.
        sounds: which files of sound a clip should have: "wav", "log_mel".
        masks: what its masks may hold; None for a set without masks.
        made: whether objects may hide behind each other for a second, as in made sets.
        seconds: lengths of the sounds where they are more than the frames that are read; 0 = as many.
        short: whether a sound may be shorter than its clip, as that of a short video (prepared sets).
    """

    layout: Layout
    sounds: tuple[str, ...]
    masks: MaskRules | None
    made: bool = False
    seconds: int = 0
    short: bool = False


@dataclass
class ClipRecord:
    """What was found in a clip.

    Attributes:
        entry: its row of the index.
        findings: what is wrong.
        frames: how many could be read.
        size: (width, height) of its frames, the commonest; None if none could be read.
        digest: of the first frame and the sound; "" if one of them could not be read.
        marked: for each annotated second the share of the picture that is marked; None where it could not be read.
        classes: AVSS: the classes of each annotated second.
        heard: seconds, and which of them are not silent.
    """

    entry: ClipEntry
    findings: list[Finding] = field(default_factory=list)
    frames: int = 0
    size: Size | None = None
    digest: str = ""
    marked: list[float | None] = field(default_factory=list)
    classes: list[tuple[int, ...]] = field(default_factory=list)
    heard: HeardClip = field(default_factory=HeardClip)


def read_clip(rules: ClipRules, entry: ClipEntry) -> ClipRecord:
    """Looks at all files of a clip."""
    record = ClipRecord(entry)
    root, frames = rules.layout.root, rules.layout.frames(entry)
    record.heard, findings = hear(rules.layout, entry, rules.sounds, rules.seconds or len(frames), rules.short)
    record.findings += findings
    first = _read_frames(record, frames, root)
    if first and record.heard.digest:
        record.digest = hashlib.sha256((first + record.heard.digest).encode()).hexdigest()[:16]
    if rules.masks is not None:
        _read_masks(record, rules, rules.masks)
    return record


def _read_frames(record: ClipRecord, paths: list[Path], root: Path) -> str:
    """Notes sizes and faults; returns the digest of the first frame, "" if it cannot be read."""
    sizes: dict[Path, Size] = {}
    first = ""
    for path in _present(record, paths, root, "frame"):
        picture = _open(record, path, root, "frame")
        if picture is not None:
            sizes[path] = picture.size
            if path == paths[0]:
                first = hashlib.sha256(picture.convert("RGB").tobytes()).hexdigest()
    record.frames = len(sizes)
    record.size = usual = max(sizes.values(), key=list(sizes.values()).count, default=None)
    for path, size in sizes.items():
        if usual is not None and size != usual:
            text = f"is {size[0]} x {size[1]}, the clip's other frames {usual[0]} x {usual[1]}"
            record.findings.append(Finding("size", relative(path, root), text))
    return first


def _read_masks(record: ClipRecord, rules: ClipRules, masks: MaskRules) -> None:
    root, paths = rules.layout.root, rules.layout.masks(record.entry)
    record.marked = [None] * len(paths)
    for path in _present(record, paths, root, "mask"):
        picture = _open(record, path, root, "mask")
        if picture is None:
            continue
        if record.size is not None and picture.size != record.size:
            (width, height), (w, h) = picture.size, record.size
            text = f"is {width} x {height}, its frame {w} x {h}"
            record.findings.append(Finding("size", relative(path, root), text))
        mask = mask_of(picture, masks)
        record.marked[paths.index(path)] = mask.share
        record.classes.append(mask.classes)
        found = check_mask(mask, masks, record.entry)
        record.findings += [Finding(kind, relative(path, root), what, mend) for kind, what, mend in found]
    _check_empty(record, rules, paths)


def _open(record: ClipRecord, path: Path, root: Path, what: str) -> Image.Image | None:
    """A decoded picture; None if it cannot be read, which is noted."""
    try:
        return open_image(path, what)
    except UserError as error:
        text = reason(error, path) if path.stat().st_size else "is empty (0 bytes)"
        record.findings.append(Finding("unreadable", relative(path, root), text))
        return None


def _check_empty(record: ClipRecord, rules: ClipRules, paths: list[Path]) -> None:
    """S4 has one visible source: each second that is heard shows it. Elsewhere one second may well be empty."""
    root, heard = rules.layout.root, record.heard.loud
    mend = "look at it; where nothing visible sounds all is well, else fetch it again"
    empty = [n for n, share in enumerate(record.marked) if share == 0 and n < len(heard) and heard[n]]
    if rules.layout.setting == "s4" and not rules.made:
        text = "marks nothing, though this second is not silent"
        record.findings += [Finding("empty mask", relative(paths[n], root), text, mend) for n in empty]
    elif empty and not any(share != 0 for share in record.marked):
        text = f"all {len(paths)} masks mark nothing, though the clip is not silent"
        record.findings.append(Finding("empty mask", relative(paths[0].parent, root), text, mend))


def _present(record: ClipRecord, paths: list[Path], root: Path, what: str) -> list[Path]:
    """The files that are there; the others are noted, all of a clip as one."""
    missing = [path for path in paths if not path.is_file()]
    if len(missing) == len(paths) > 1:
        folder = relative(paths[0].parent, root)
        record.findings.append(Finding("missing", folder, f"none of the clip's {len(paths)} {what}s is there"))
    else:
        record.findings += [
            Finding("missing", relative(path, root), f"a {what} of the clip is not there") for path in missing
        ]
    return [path for path in paths if path not in missing]
