"""Findings of a data set check: the issue, the file, what is wrong with it and how to fix it."""

from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

from avseg.utils.errors import UserError

FETCH = "fetch or unpack it again"

# in the order of the printed report: absent files, unreadable files, readable files with wrong content
ISSUES = {
    "index": "the index or annotation file cannot be used as it is",
    "count": "counts that differ from the expected ones",
    "missing": "files that do not exist",
    "unreadable": "empty, truncated or damaged files",
    "size": "images of a different size",
    "mask values": "masks that are not black and white",
    "empty mask": "masks that mark nothing although the sound is not silent",
    "length": "sound tracks of a different length",
    "duplicate": "the same clip in two splits",
    "unknown": "files that the index does not list",
    "leftover": "temporary files of an interrupted writer",
    "stray colour": "pixels in colours that belong to no class",
    "stray pixels": "spots too small to be an object",
    "class": "classes that the clip's label does not name",
    "segment": "audible segments that end after their video",
    "array": "arrays of masks or boxes that do not fit their segment",
}


@dataclass(frozen=True, order=True)
class Finding:
    """One defect of a data set."""

    issue: str  # a key of `ISSUES`
    file: str  # path relative to the root, with slashes; "" for the whole set
    message: str  # the defect, without the file name
    fix: str = FETCH  # what the user can do about it; in `Report.fixed` what was done

    def as_json(self) -> dict[str, str]:
        """Return the finding under the keys of the JSON report."""
        return {"kind": self.issue, "file": self.file, "what": self.message, "mend": self.fix}


@dataclass
class Report:
    """The result of checking one data set."""

    root: Path  # folder of the set
    setting: str
    counts: dict[str, int] = field(default_factory=dict)  # clips or videos per split
    expected: dict[str, int] = field(default_factory=dict)  # the expected counts; {} if unknown
    source: str = ""  # the source of the expected counts
    facts: dict[str, str] = field(default_factory=dict)  # further numbers to print, by name
    notes: list[str] = field(default_factory=list)  # remarks that are not defects
    findings: list[Finding] = field(default_factory=list)
    fixed: list[Finding] = field(default_factory=list)  # the defects that `apply_fixes` removed

    @property
    def complete(self) -> bool:
        """True if every expected clip and file exists."""
        return self.by_issue().keys().isdisjoint(("index", "count", "missing"))

    @property
    def valid(self) -> bool:
        """True if nothing was found."""
        return not self.findings

    def by_issue(self) -> dict[str, list[Finding]]:
        """Group the findings in the order of `ISSUES`, sorted by file within a group."""
        groups: dict[str, list[Finding]] = {}
        for finding in sorted(self.findings, key=lambda finding: (list(ISSUES).index(finding.issue), finding)):
            groups.setdefault(finding.issue, []).append(finding)
        return groups

    def ignore(self, issues: Collection[str]) -> None:
        """Drop the findings of some issues and note how many were dropped."""
        for issue, findings in self.by_issue().items():
            if issue in issues:
                self.notes.append(f"ignored as requested: {issue} ({len(findings)})")
        self.findings = [finding for finding in self.findings if finding.issue not in issues]

    def as_json(self) -> dict[str, object]:
        """Return the whole report for `json.dump`."""
        # "sound", "what" and "mend" are keys of the file format
        findings: list[dict[str, str]] = []
        for group in self.by_issue().values():
            findings += [finding.as_json() for finding in group]
        return {
            "root": str(self.root),
            "setting": self.setting,
            "complete": self.complete,
            "sound": self.valid,
            "counts": self.counts,
            "expected": self.expected,
            "source": self.source,
            "facts": self.facts,
            "notes": self.notes,
            "findings": findings,
            "mended": [finding.as_json() for finding in self.fixed],
        }


def relative(path: Path, root: Path) -> str:
    """Return the path relative to the root, with slashes."""
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.as_posix()


def reason(error: UserError, *paths: Path) -> str:
    """Return a reader's message without the leading paths and without its last part, the advice."""
    text = str(error)  # "PATH: message; advice"
    for path in paths:
        text = text.removeprefix(str(path)).lstrip(": ")
    return text.rsplit("; ", 1)[0]
