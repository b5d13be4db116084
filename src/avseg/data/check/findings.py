"""What is wrong with a data set: findings, each of a kind, with the file, what it is and how to mend it."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from avseg.utils.errors import UserError

FETCH = "fetch or unpack it again"

# in the order of the screen: what is not there, what cannot be read, what is read but wrong
KINDS: dict[str, str] = {
    "index": "the index or annotation file cannot be used as it is",
    "count": "other numbers than expected",
    "missing": "files that are not there",
    "unreadable": "empty, truncated or damaged files",
    "size": "pictures of another size",
    "mask values": "masks that are not black and white",
    "empty mask": "masks that mark nothing though something is heard",
    "length": "sounds of another length",
    "duplicate": "the same clip in two splits",
    "unknown": "files that the index does not know",
    "leftover": "temporary files of an interrupted writer",
    "stray colour": "pixels in colours of no class",
    "stray pixels": "spots too small to be an object",
    "class": "classes that the clip's label does not name",
    "segment": "audible segments outside their video",
    "array": "arrays of masks or boxes that do not fit their segment",
}


@dataclass(frozen=True, order=True)
class Finding:
    """One thing that is wrong.

    Attributes:
        kind: one of `KINDS`.
        file: relative to the root, with slashes; "" for the whole set.
        what: what is wrong with it, without the file's name.
        mend: what the user can do.
    """

    kind: str
    file: str
    what: str
    mend: str = FETCH


@dataclass
class Report:
    """All that a check found.

    Attributes:
        root: the set's folder.
        setting: "s4", "ms3", "avss" or "lu_avs".
        counts: clips or videos per split.
        expected: the same as expected; {} where nothing is known about it.
        source: where the expectation comes from.
        facts: further numbers for the screen, by name.
        notes: what a user should know that is no fault.
        findings: what is wrong.
        mended: what `mend` put right, with what it did.
    """

    root: Path
    setting: str
    counts: dict[str, int] = field(default_factory=dict)
    expected: dict[str, int] = field(default_factory=dict)
    source: str = ""
    facts: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    mended: list[Finding] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        """Whether every clip and file that is expected is there."""
        return not any(finding.kind in ("index", "count", "missing") for finding in self.findings)

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong at all."""
        return not self.findings

    def by_kind(self) -> dict[str, list[Finding]]:
        """The findings in the order of `KINDS`, those of a kind in the order of their files."""
        kinds = {kind: sorted(one for one in self.findings if one.kind == kind) for kind in KINDS}
        return {kind: found for kind, found in kinds.items() if found}

    def without(self, kinds: Iterable[str]) -> None:
        """Leaves kinds of findings out, and notes how many."""
        for kind in kinds:
            left_out = [finding for finding in self.findings if finding.kind == kind]
            if left_out:
                self.notes.append(f"ignored as asked: {kind} ({len(left_out)})")
        self.findings = [finding for finding in self.findings if finding.kind not in set(kinds)]

    def as_json(self) -> dict[str, Any]:
        """Everything, for `json.dump`."""
        findings = [asdict(finding) for found in self.by_kind().values() for finding in found]
        return {
            "root": str(self.root),
            "setting": self.setting,
            "complete": self.complete,
            "sound": self.sound,
            "counts": self.counts,
            "expected": self.expected,
            "source": self.source,
            "facts": self.facts,
            "notes": self.notes,
            "findings": findings,
            "mended": [asdict(finding) for finding in self.mended],
        }


def relative(path: Path, root: Path) -> str:
    """The path from the root on, with slashes."""
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.as_posix()


def reason(error: UserError, *paths: Path) -> str:
    """A reader's message without the file's path and without its last part, which says what to do."""
    text = str(error)
    for path in paths:
        text = text.removeprefix(str(path)).lstrip(": ")
    return text.rsplit("; ", 1)[0]
