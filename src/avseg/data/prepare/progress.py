"""Keep track of finished videos: their files, and a marker for each video that is written last.

The files of a video are written to a staging folder, moved to their final paths one by one, and then marked. Files
without a marker are written again. So a run that is killed at any time and started again produces the same bytes as an
uninterrupted one.
"""

import json
import os
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from avseg.data.avsbench.layout import Layout
from avseg.data.prepare.options import Options
from avseg.data.prepare.raw_videos import RawVideo
from avseg.data.prepare.result import Outcome
from avseg.data.setting import ClipEntry
from avseg.utils.errors import UserError
from avseg.utils.hashing import file_stamp
from avseg.utils.locks import Holder, LockHeldError, ProcessLock, read_holder

RECORD = "prepare.json"
REPORT = "report.json"
_WRITTEN_FOLDERS = ("visual_frames", "audio_wav", "audio_log_mel")


class ProgressStore:
    """The folder in which a data set is prepared.

    `part` names a shard; other shards may write to the folder at the same time.
    """

    def __init__(self, out: Path, options: Options, videos: Path, part: str = "") -> None:
        if out.exists() and not out.is_dir():
            raise UserError(f"--out {out} is a file; name a folder")
        self.options = options
        self.layout: Layout = options.layout(out)
        self.root = self.layout.root
        self.record = {**options.record(), "source": str(videos.resolve())}
        self._hidden = self.root / ".prepare"
        self._part = part
        self._own = self._hidden / "work" / part  # removed when the next command begins
        self._work = self._own / str(os.getpid())  # on the same file system, so that moves are atomic

    @contextmanager
    def open(self, *, overwrite: bool, index: Path | None) -> Iterator[None]:
        """Check the folder, record the options, and lock the folder against other processes.

        With `overwrite` everything (of a shard what it forgets) is prepared again, also with other options. The
        official index file is copied; that of own videos is written at the end.

        Raises:
            UserError: the folder holds other data, was prepared with other options, or is in use.
        """
        self._check_record(overwrite)
        own_index = self.layout.index_file
        if index is not None and own_index.is_file() and own_index.read_bytes() != index.read_bytes():
            raise UserError(f"{own_index} differs from {index}; remove one or choose another --out")
        self._hidden.mkdir(parents=True, exist_ok=True)
        lock = ProcessLock(self._hidden / f"lock{self._part}")
        try:
            lock.acquire()
        except LockHeldError as error:
            raise self._in_use(error.holder) from None
        try:
            # after the own lock is taken, so that of two commands at least one sees the other
            for path in [self._hidden / "lock"] if self._part else sorted(self._hidden.glob("lock?*")):
                if holder := read_holder(path):
                    raise self._in_use(holder)
            shutil.rmtree(self._own, ignore_errors=True)  # left by a killed run
            self._work.mkdir(parents=True)
            self._write(self.root / RECORD, _to_json(self.record))
            if overwrite and not self._part:
                for marker in sorted((self._hidden / "done").rglob("*.json")):
                    self._remove(marker)
            if index is not None and not own_index.is_file():
                self._write(own_index, index.read_bytes())
            yield
        finally:
            shutil.rmtree(self._own, ignore_errors=True)
            lock.release()

    @property
    def reports(self) -> Path:
        """Folder of the reports of shards."""
        return self._hidden / "shards"

    def staging_folder(self, number: int) -> Path:
        """Return a folder for the files of a video in progress."""
        return self._work / str(number)

    def finished(self, video: RawVideo) -> Outcome | None:
        """Return the outcome of a video that is finished with these options and unchanged since; otherwise None."""
        try:
            marker = json.loads(self._marker(video).read_bytes())
            if marker["options"] != self.options.digest() or marker["state"] != _stamp(video):
                return None
            outcome = Outcome.from_record(marker["outcome"])
            return outcome if all((self.root / file).is_file() for file in marker["files"]) else None
        except (OSError, ValueError, KeyError, TypeError):  # no marker, or one of another version
            return None

    def forget(self, video: RawVideo) -> None:
        """Remove a video's marker, then its files."""
        self._remove(self._marker(video))

    def publish(self, video: RawVideo, staging: Path, outcome: Outcome) -> None:
        """Move a video's files to their final paths and mark it as finished."""
        files: list[str] = []
        for path in sorted(filter(Path.is_file, staging.rglob("*"))):
            files.append(path.relative_to(staging).as_posix())
            target = self.root / files[-1]
            target.parent.mkdir(parents=True, exist_ok=True)
            path.replace(target)  # the final path never shows a partial file
        shutil.rmtree(staging)
        marker = {
            "options": self.options.digest(),
            "state": _stamp(video),
            "outcome": outcome.record(),
            "files": files,
        }
        self._write(self._marker(video), _to_json(marker))  # last: it declares the files complete

    def finish(self, outcomes: Sequence[Outcome]) -> None:
        """Write the report, and for own videos the index of all clips."""
        if self.options.own:
            entries: list[ClipEntry] = []
            for outcome in outcomes:
                entries += [ClipEntry(name, "", self.options.split) for name in outcome.clips]
            layout = self.options.layout(self._work)  # written there, then moved in one step
            layout.write_index(entries)
            layout.index_file.replace(self.layout.index_file)
        self._write(self.root / REPORT, _to_json(make_report(self.record, outcomes)))

    def _check_record(self, overwrite: bool) -> None:
        file = self.root / RECORD
        if not file.is_file():
            data = self.root / f"{self.layout.setting}_data"
            for path in (*(data / name for name in _WRITTEN_FOLDERS), self.layout.index_file):
                # masks and, for AVSBench, the official index may be there before
                if path.exists() and (self.options.own or path != self.layout.index_file):
                    raise UserError(f"{path} was not written by avseg data prepare; choose another --out")
            return
        try:
            recorded = json.loads(file.read_bytes())
        except ValueError:  # not JSON: differs in every option
            recorded = {}
        changes: list[str] = []
        for key, value in self.record.items():
            if recorded.get(key) != value:
                changes.append(f"{key} {recorded.get(key)} and not {value}")
        if changes and not overwrite:
            text = f"{self.root} was prepared with {', '.join(changes)}"
            raise UserError(f"{text}; use the same options, or redo everything with --overwrite")

    def _in_use(self, holder: Holder) -> UserError:
        return UserError(f"{self.root} is being prepared by {holder}; wait for it or end it")

    def _marker(self, video: RawVideo) -> Path:
        return self._hidden / "done" / f"{video.key}.json"

    def _remove(self, marker: Path) -> None:
        try:
            files = json.loads(marker.read_bytes())["files"]
        except (OSError, ValueError, KeyError):
            files = []
        marker.unlink(missing_ok=True)  # before the files: a kill in between leaves unmarked files
        for file in files:
            path = self.root / file
            path.unlink(missing_ok=True)
            with suppress(OSError):  # not empty
                path.parent.rmdir()

    def _write(self, path: Path, content: bytes) -> None:
        """Write a file atomically; the temporary file is in the work folder, which the next run removes."""
        temporary = self._work / "file"
        temporary.write_bytes(content)
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.replace(path)


def make_report(record: Mapping[str, object], outcomes: Sequence[Outcome]) -> dict[str, object]:
    """Return the content of report.json: options, counts, frequency of each kind of note, outcome of each file."""
    notes: Counter[str] = Counter()
    failures: dict[str, str] = {}
    clips = 0
    for outcome in outcomes:
        notes.update(outcome.notes.keys())
        clips += len(outcome.clips)
        if outcome.failed:
            failures[outcome.file] = outcome.reason
    failed = sum(outcome.failed for outcome in outcomes)
    return {
        "options": record,
        "prepared": len(outcomes) - failed,
        "failed": failed,
        "clips": clips,
        "handled": dict(sorted(notes.items())),
        "failures": failures,
        "files": [outcome.record() for outcome in outcomes],
    }


def _stamp(video: RawVideo) -> list[int] | None:
    """Return size and modification time of a raw video."""
    if video.path is None or not video.path.is_file():
        return None
    return list(file_stamp(video.path))


def _to_json(value: object) -> bytes:
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode(errors="backslashreplace")
