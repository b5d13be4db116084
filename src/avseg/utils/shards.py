"""Split a command over independent jobs, the shards: which items each one does, a file of its results, the merging.

All shards list the same items. The split depends on their names alone, so shards may run in any order, at any time and
on any machine. Each result is one line, written when its item is finished: a shard that was killed continues there.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import TypeAdapter

from avseg.utils.errors import UserError
from avseg.utils.files import write_text
from avseg.utils.hashing import json_digest
from avseg.utils.locks import LockHeldError, ProcessLock

Result = TypeVar("Result")
FOLDER = ".shards"  # of the reports, in the folder of the results


@dataclass(frozen=True)
class Shard:
    """One of `count` parts of the items."""

    number: int  # from 1
    count: int

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    @classmethod
    def parse(cls, text: str) -> "Shard":
        """Read "I/N", the I-th of N; raises `UserError` for anything else."""
        match = re.fullmatch(r"(\d+)/(\d+)", text)
        shard = cls(*map(int, match.groups())) if match else cls(0, 0)
        if not 1 <= shard.number <= shard.count:
            raise UserError(f"--shard {text}: must be I/N with I from 1 to N, such as 1/4")
        return shard

    def select(self, keys: Sequence[str]) -> set[str]:
        """Return the keys of this shard: every N-th in sorted order, so that shards differ by one item at most."""
        return set(sorted(keys)[self.number - 1 :: self.count])


@dataclass(frozen=True)
class Work:
    """The work of one command, the same for all its shards."""

    name: str  # begins the names of the reports
    keys: tuple[str, ...]  # all items, by unique names
    options: Mapping[str, object]  # what the results depend on; values of json
    noun: str = "videos"

    def header(self) -> dict[str, object]:
        """Return the first line of each report."""
        return {"options": dict(self.options), "items": len(self.keys), "digest": json_digest(sorted(self.keys))}


class ShardReport(Generic[Result]):
    """The file of a shard's results, one dataclass `kind` for each finished item."""

    def __init__(self, folder: Path, work: Work, shard: Shard, kind: type[Result]) -> None:
        self.path = folder / f"{work.name}-{shard.number}-of-{shard.count}.jsonl"
        self.work = work
        self.shard = shard
        self.keys = shard.select(work.keys)
        self.adapter: TypeAdapter[Result] = TypeAdapter(kind)

    @contextmanager
    def open(self, *, overwrite: bool = False) -> Iterator[dict[str, Result]]:
        """Lock the report for writing, and yield what an earlier command wrote, by key.

        With `overwrite` a report that is complete, or of other options, starts over.

        Raises:
            UserError: it was begun with other options, or another process runs this shard.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        lock = ProcessLock(self.path.with_suffix(".lock"))
        try:
            lock.acquire()
        except LockHeldError as error:
            raise UserError(f"--shard {self.shard} is being run by {error.holder}; wait for it or end it") from None
        try:
            header, results = self.read()
            changes = _changes(header, self.work) if header else ""
            if changes and not overwrite:
                raise UserError(f"{self.path}: was begun with {changes}; use the same options, or remove it")
            if overwrite and (changes or self.keys <= results.keys()):
                results = {}
            results = {key: result for key, result in results.items() if key in self.keys}
            # without a line that was cut, repeated results, and items that are gone
            write_text(self.path, _line(self.work.header()) + self._lines(results))
            yield results
        finally:
            lock.release()

    def add(self, results: Mapping[str, Result]) -> None:
        """Append results."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(self._lines(results))

    def read(self) -> tuple[dict[str, Any], dict[str, Result]]:
        """Return the header and the results by key, both empty without a file; a line that was cut is left out."""
        lines: list[Any] = []
        for line in self.path.read_text(encoding="utf-8").splitlines() if self.path.is_file() else ():
            try:
                lines.append(json.loads(line))
            except ValueError:  # a killed writer
                continue
        results = {line["key"]: self.adapter.validate_python(line["result"]) for line in lines[1:]}
        return (lines[0] if lines else {}), results

    def _lines(self, results: Mapping[str, Result]) -> str:
        lines: list[str] = []
        for key, result in results.items():
            lines.append(_line({"key": key, "result": self.adapter.dump_python(result, mode="json")}))
        return "".join(lines)


def merge_reports(folder: Path, work: Work, kind: type[Result]) -> list[Result]:
    """Return the results of all shards in the order of the keys.

    Raises:
        UserError: shards that are missing or not complete, or had other options or items.
    """
    pattern = re.compile(re.escape(work.name) + r"-\d+-of-(\d+)\.jsonl")
    names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    counts = sorted({int(match[1]) for name in names if (match := pattern.fullmatch(name))})
    if not counts:
        raise UserError(f"--merge: {folder} has no reports of shards; run --shard 1/N to N/N first")
    if len(counts) > 1:
        text = " and of ".join(map(str, counts))
        raise UserError(f"--merge: {folder} has reports of {text} shards; remove those that are not to be merged")
    results: dict[str, Result] = {}
    missing: list[str] = []
    for number in range(1, counts[0] + 1):
        report = ShardReport(folder, work, Shard(number, counts[0]), kind)
        header, own = report.read()
        if header and (changes := _changes(header, work)):
            raise UserError(f"{report.path}: was made with {changes}; merge with the same options")
        if header and header["digest"] != work.header()["digest"]:
            counted = f"{header['items']}, now there are {len(work.keys)}"
            raise UserError(
                f"{report.path}: was made of other {work.noun} ({counted}); run --shard {report.shard} again"
            )
        if not header or not report.keys <= own.keys():
            missing.append(str(report.shard))
        results |= own
    if missing:
        raise UserError(f"--merge: not complete in {folder}: {', '.join(missing)}; run these shards, then merge again")
    return [results[key] for key in work.keys]


def _changes(header: Mapping[str, Any], work: Work) -> str:
    recorded = header["options"]
    changes: list[str] = []
    for key, value in work.options.items():
        if recorded.get(key) != value:
            changes.append(f"{key} {recorded.get(key)} and not {value}")
    return ", ".join(changes)


def _line(value: object) -> str:
    return json.dumps(value) + "\n"  # ASCII: names need not be valid UTF-8
