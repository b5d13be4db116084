"""What is done already: the prepared files, and for each video a mark that is written last.

A video's files are made in a folder of their own, moved to their places one by one, and then marked; whatever lies
there without a mark is made again. So a run that is killed at any instant and started again ends with the same bytes as
one that was not.
"""

import fcntl
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from avseg.data.avsbench.layout import ClipEntry, Layout
from avseg.data.prepare.options import Options
from avseg.data.prepare.result import Outcome
from avseg.data.prepare.sources import Source
from avseg.utils.errors import UserError

RECORD = "prepare.json"
REPORT = "report.json"
_MADE = ("visual_frames", "audio_wav", "audio_log_mel")


class Store:
    """The folder that a data set is prepared in.

    Args:
        out: the folder.
        options: what is asked for.
        folder: the raw videos.
    """

    def __init__(self, out: Path, options: Options, folder: Path) -> None:
        if out.exists() and not out.is_dir():
            raise UserError(f"--out {out} is a file; name a folder")
        self.options = options
        self.layout: Layout = options.layout(out)
        self.root = self.layout.root
        self.record = {**options.record(), "source": str(folder.resolve())}
        self._hidden = self.root / ".prepare"
        self._work = self._hidden / "work" / str(os.getpid())

    @contextmanager
    def opened(self, *, overwrite: bool, index: Path | None) -> Iterator[None]:
        """Checks what is there, writes down the options, and keeps other processes out.

        Args:
            overwrite: make everything again, with other options if need be.
            index: the official index file, which is copied; own videos get theirs at the end.

        Raises:
            UserError: the folder holds other data, or was prepared with other options, or is being prepared now.
        """
        self._check(overwrite, index)
        self._hidden.mkdir(parents=True, exist_ok=True)
        with self._locked():
            shutil.rmtree(self._work.parent, ignore_errors=True)  # of a run that was killed
            self._work.mkdir(parents=True)
            self._write(self.root / RECORD, _json(self.record))
            if overwrite:
                self._forget_all()
            if index is not None and not self.layout.index_file.is_file():
                self._write(self.layout.index_file, index.read_bytes())
            try:
                yield
            finally:
                shutil.rmtree(self._work.parent, ignore_errors=True)

    def staging(self, number: int) -> Path:
        """A folder to make a video's files in."""
        return self._work / str(number)

    def done(self, source: Source) -> Outcome | None:
        """What became of a video that is prepared already, with these options and unchanged since; else None."""
        try:
            mark = json.loads(self._mark(source).read_bytes())
            if mark["options"] != self.options.digest() or mark["state"] != _state(source):
                return None
            outcome = Outcome.from_record(mark["outcome"])
            return outcome if all((self.root / file).is_file() for file in mark["files"]) else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def forget(self, source: Source) -> None:
        """Removes a video's mark, then what was made of it."""
        self._remove(self._mark(source))

    def publish(self, source: Source, staging: Path, outcome: Outcome) -> None:
        """Moves a video's files to their places and marks it as done."""
        files = sorted(path for path in staging.rglob("*") if path.is_file())
        names = [path.relative_to(staging).as_posix() for path in files]
        for path, name in zip(files, names, strict=True):
            place = self.root / name
            place.parent.mkdir(parents=True, exist_ok=True)
            path.replace(place)
        shutil.rmtree(staging)
        mark = {"options": self.options.digest(), "state": _state(source), "outcome": outcome.record(), "files": names}
        self._write(self._mark(source), _json(mark))

    def finish(self, outcomes: Iterable[Outcome]) -> None:
        """Writes the report, and for own videos the index of the clips that there are."""
        outcomes = list(outcomes)
        if self.options.own:
            split, layout = self.options.split, self.options.layout(self._work)
            layout.write_index(ClipEntry(name, "", split) for outcome in outcomes for name in outcome.clips)
            layout.index_file.replace(self.layout.index_file)
        self._write(self.root / REPORT, _json(report(self.record, outcomes)))

    def _check(self, overwrite: bool, index: Path | None) -> None:
        self._check_record(overwrite)
        mine = self.layout.index_file
        if index is not None and mine.is_file() and mine.read_bytes() != index.read_bytes():
            raise UserError(f"{mine} differs from {index}; remove one or choose another --out")

    def _check_record(self, overwrite: bool) -> None:
        file = self.root / RECORD
        if not file.is_file():
            data = self.root / f"{self.layout.setting}_data"
            foreign = [data / kind for kind in _MADE if (data / kind).exists()]
            if self.options.own and self.layout.index_file.exists():
                foreign.append(self.layout.index_file)
            if foreign:
                raise UserError(f"{foreign[0]} was not made by avseg data prepare; choose another --out")
            return
        try:
            before = json.loads(file.read_bytes())
        except ValueError:
            before = {}
        other = [key for key, value in self.record.items() if before.get(key) != value]
        if other and not overwrite:
            changes = ", ".join(f"{key} {before.get(key)} and not {self.record[key]}" for key in other)
            raise UserError(f"{self.root} was prepared with {changes}; keep to that, or redo all with --overwrite")

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with (self._hidden / "lock").open("ab") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise UserError(f"{self.root} is being prepared by another process; wait for it or end it") from None
            except OSError:
                pass  # this file system has no locks
            yield

    def _mark(self, source: Source) -> Path:
        return self._hidden / "done" / f"{source.key}.json"

    def _forget_all(self) -> None:
        for mark in sorted((self._hidden / "done").rglob("*.json")):
            self._remove(mark)

    def _remove(self, mark: Path) -> None:
        try:
            files = json.loads(mark.read_bytes())["files"]
        except (OSError, ValueError, KeyError):
            files = []
        mark.unlink(missing_ok=True)
        for path in (self.root / file for file in files):
            path.unlink(missing_ok=True)
            with suppress(OSError):  # not empty
                path.parent.rmdir()

    def _write(self, path: Path, content: bytes) -> None:
        """In one step; the temporary file lies where the next run removes it, should this one be killed."""
        temporary = self._work / "file"
        temporary.write_bytes(content)
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.replace(path)


def report(record: dict[str, Any], outcomes: list[Outcome]) -> dict[str, Any]:
    """The content of report.json: options, counts, how often each kind of note was made, and each file's outcome."""
    kinds = [kind for outcome in outcomes for kind in outcome.notes]
    failed = [outcome for outcome in outcomes if outcome.failed]
    return {
        "options": record,
        "prepared": len(outcomes) - len(failed),
        "failed": len(failed),
        "clips": sum(len(outcome.clips) for outcome in outcomes),
        "handled": {kind: kinds.count(kind) for kind in sorted(set(kinds))},
        "failures": {outcome.file: outcome.reason for outcome in failed},
        "files": [outcome.record() for outcome in outcomes],
    }


def _state(source: Source) -> list[int] | None:
    """Size and time of change of a raw video."""
    if source.path is None or not source.path.is_file():
        return None
    state = source.path.stat()
    return [state.st_size, state.st_mtime_ns]


def _json(value: object) -> bytes:
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()
