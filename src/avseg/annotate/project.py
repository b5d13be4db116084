"""A folder of videos: their annotation status, and one document per video; all data is kept in `.avseg`."""

import json
import re
import shutil
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

import av.error

from avseg.annotate.dataset.splits import rename_split
from avseg.annotate.document.document import Document
from avseg.annotate.document.journal import Journal
from avseg.annotate.document.models import VideoFacts
from avseg.annotate.homes import ANNOTATORS, HOME, homes, refuse_links
from avseg.annotate.media.identity import check_same_video, is_same_video
from avseg.annotate.media.video import VideoReader, open_reader
from avseg.media.container import open_video
from avseg.media.folder import has_video_track
from avseg.media.video import SUFFIXES
from avseg.utils.errors import UserError, nearest
from avseg.utils.files import atomic_file, write_text
from avseg.utils.hashing import file_stamp
from avseg.utils.locks import LockHeldError, ProcessLock, read_holder

_ANNOTATOR = re.compile(r"[A-Za-z0-9_-]{1,40}")


@dataclass(frozen=True)
class Summary:
    """Annotation status of a video."""

    status: str  # "new" (never touched), "open", "done", "skipped", or "broken" (cannot be opened)
    objects: int = 0
    segments: int = 0
    spent: float = 0.0  # seconds of a person's work
    worst: float | None = None  # lowest score of a frame that nobody has accepted, in segments that are open


@dataclass(frozen=True)
class VideoEntry(Summary):
    """A video in the list: its file name, and its duration in seconds if its header has one."""

    name: str = ""
    seconds: float | None = None


class Project:
    """The videos of a folder (or `only` some of them), except for links that lead out of it; a context manager.

    Raises:
        UserError: no such folder, no video in it, or an unknown name.
    """

    def __init__(
        self,
        folder: Path,
        only: tuple[str, ...] = (),  # names; all videos if empty
        open_reader: Callable[[Path], VideoReader] = open_reader,
        annotator: str | None = None,  # has annotations of their own, next to the shared ones
    ) -> None:
        if not folder.is_dir():
            problem = "is a file; name a folder of videos" if folder.exists() else "no such folder; name one of videos"
            raise UserError(f"{folder}: {problem}")
        self.folder = folder.resolve()
        self.annotator = annotator
        if annotator is not None and not _ANNOTATOR.fullmatch(annotator):
            raise UserError(f"annotator '{annotator:.60}': give a name of 1 to 40 letters, digits, '-' and '_'")
        self._open_reader = open_reader
        self._mutex = threading.RLock()
        self._videos: dict[str, VideoReader] = {}
        self._documents: dict[str, Document] = {}
        self._locks: dict[str, ProcessLock] = {}
        self._only: tuple[str, ...] = ()
        if not self.names():
            raise UserError(f"{folder}: no video in this folder; known suffixes: {', '.join(sorted(SUFFIXES))}")
        for name in only:
            self.path(name)
        self._only = tuple(dict.fromkeys(only))
        self._adopt_renamed()

    def names(self) -> list[str]:
        """List the names of the videos alphabetically."""
        names = sorted(path.name for path in self.folder.iterdir() if self._is_video(path))
        return [name for name in names if not self._only or name in self._only]

    def videos(self) -> list[VideoEntry]:
        """List all videos with their status; that of videos that are not open is read from their summaries."""
        self._adopt_renamed()
        return list(map(self._entry, self.names()))

    def path(self, name: str) -> Path:
        """Return the file of a video; refuse a name that the folder does not have."""
        names = self.names()
        if name not in names:
            listed = ", ".join(names[:5]) + (f", ... ({len(names)} in all)" if len(names) > 5 else "")
            raise UserError(f"no video '{name}' in {self.folder}; there are {listed}{nearest(name, names)}")
        return self.folder / name

    def home(self, name: str) -> Path:
        """Return the folder of all data of a video; refuse a link that leads out of the project."""
        self.path(name)
        home = self._homes / name
        refuse_links(home)
        return home

    @property
    def _homes(self) -> Path:
        """The folder with one folder per video."""
        return homes(self.folder, self.annotator)

    def annotators(self) -> list[str]:
        """List the annotators who have annotations of their own."""
        folder = self.folder / HOME / ANNOTATORS
        with suppress(OSError):
            return sorted(path.name for path in folder.iterdir() if path.is_dir() and _ANNOTATOR.fullmatch(path.name))
        return []

    def read(self, name: str, annotator: str | None) -> Document | None:
        """Return the annotation of a video by somebody else as it is now, only to read; None if there is none."""
        home = homes(self.folder, annotator) / name
        refuse_links(home)
        journal = home / "journal.jsonl"
        if annotator == self.annotator and name in self._documents:
            return self._documents[name]
        header = next(Journal(journal).records(), None) if journal.is_file() else None
        return None if header is None else Document(VideoFacts(**header["video"]), home)

    def settings(self) -> dict[str, object]:
        """Return the settings of the page that are kept in the project."""
        try:
            content = json.loads(self._settings_file().read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return content if isinstance(content, dict) else {}

    def save_settings(self, values: dict[str, object]) -> None:
        """Keep the settings of the page."""
        write_text(self._settings_file(), json.dumps(values, indent=1) + "\n")

    def _settings_file(self) -> Path:
        folder = self.folder / HOME
        refuse_links(folder)
        return folder / "settings.json"

    def video(self, name: str) -> VideoReader:
        """Return frames and sound of a video, opened once."""
        with self._mutex:
            if name not in self._videos:
                self.home(name)  # checked first, since opening a video writes its index there
                self._videos[name] = self._open_reader(self.path(name))
            return self._videos[name]

    def open(self, name: str) -> Document:
        """Return the document of a video: the same one for all callers in this process, and locked for other processes.

        Raises:
            UserError: no such video, one that cannot be opened, a damaged journal, or another process has it open.
        """
        with self._mutex:
            if name not in self._documents:
                self._documents[name] = self._load(name)
            return self._documents[name]

    def close(self) -> None:
        """Close all documents, write their summaries, and release them for other processes."""
        with self._mutex:
            for name, document in self._documents.items():
                document.close()
                with suppress(OSError):  # a full disk: the journal is read instead
                    self._write_summary(name, document)
                self._locks[name].release()
            for video in self._videos.values():
                video.close()
            self._documents.clear()
            self._locks.clear()
            self._videos.clear()

    def __enter__(self) -> "Project":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _adopt_renamed(self) -> None:
        """Give the annotation of a video that is missing to a video without one that has the same content."""
        with suppress(OSError):
            homeless = [name for name in self.names() if not (self._homes / name / "journal.jsonl").exists()]
            for home in sorted(self._homes.iterdir()) if homeless else ():
                missing = home.is_dir() and not home.is_symlink() and not (self.folder / home.name).exists()
                if not missing or not (home / "journal.jsonl").is_file():
                    continue
                for name in homeless:
                    if is_same_video(self.folder / name, home) and self._move_home(home, name):
                        homeless.remove(name)
                        break

    def _move_home(self, home: Path, name: str) -> bool:
        """Give the annotation in `home` to a video that has none, unless either is open; True if it was moved."""
        with self._mutex:
            if self._is_open(home.name) or self._is_open(name):
                return False
            refuse_links(home)
            shutil.rmtree(self._homes / name, ignore_errors=True)  # at most an index
            home.rename(self._homes / name)
        rename_split(self.folder, home.name, name)
        return True

    def _is_open(self, name: str) -> bool:
        """True if this process or another one has the document of a video open."""
        return name in self._documents or read_holder(self._homes / name / "lock") is not None

    def _check_not_renamed(self, name: str) -> None:
        """Refuse a second annotation of an open video whose file was renamed meanwhile."""
        for other, document in self._documents.items():
            is_gone = document.version > 0 and not (self.folder / other).exists()
            if is_gone and is_same_video(self.folder / name, self._homes / other):
                raise UserError(
                    f"{name}: is {other}, which was renamed while it is open; start the annotation tool again, "
                    "and its annotation has the new name"
                )

    def _is_video(self, path: Path) -> bool:
        if path.name.startswith(".") or not path.is_file() or not path.resolve().is_relative_to(self.folder):
            return False
        return path.suffix.lower() in SUFFIXES or _holds_video(path, *file_stamp(path))

    def _load(self, name: str) -> Document:
        home = self.home(name)
        video = self.video(name)
        facts = VideoFacts(name, video.frames, video.fps, video.height, video.width)
        self._check_not_renamed(name)
        lock = ProcessLock(home / "lock")
        try:
            home.mkdir(parents=True, exist_ok=True)
            lock.acquire()
        except LockHeldError as error:
            raise UserError(
                f"{name}: is open in another process ({error.holder}); use that one, end it, or annotate another video"
            ) from None
        except OSError as error:
            raise UserError(
                f"{home}: cannot be written ({error.strerror}); fix the permissions, or copy the videos"
            ) from None
        try:
            document = Document(facts, home)
            document.annotator = self.annotator or ""
            check_same_video(self.path(name), home, has_annotation=document.version > 0)
        except BaseException:
            lock.release()
            raise
        self._locks[name] = lock
        return document

    def _entry(self, name: str) -> VideoEntry:
        with self._mutex:
            document = self._documents.get(name)
        seconds = None
        summary = Summary("broken")
        with suppress(UserError):  # cannot be opened
            seconds = _duration(self.folder / name, *file_stamp(self.folder / name))
            summary = self._stored_summary(name)
        if document is not None:
            summary = _summarise(document)
        return VideoEntry(name=name, seconds=seconds, **asdict(summary))

    def _stored_summary(self, name: str) -> Summary:
        """Read the summary of a video if it is up to date with the journal; otherwise replay the journal."""
        home = self._homes / name
        journal = home / "journal.jsonl"
        refuse_links(home)
        if not journal.is_file():
            return Summary("new")
        try:
            stored = json.loads((home / "summary.json").read_text())
            if stored["journal_bytes"] == journal.stat().st_size:
                fields = ("status", "objects", "segments", "spent", "worst")
                return Summary(*(stored[field] for field in fields))
        except (OSError, ValueError, KeyError, TypeError):
            pass  # written again when the video is closed
        try:
            header = next(Journal(journal).records(), None)
            if header is None:
                return Summary("new")
            return _summarise(Document(VideoFacts(**header["video"]), home))
        except (UserError, KeyError, TypeError):
            return Summary("broken")

    def _write_summary(self, name: str, document: Document) -> None:
        journal = self._homes / name / "journal.jsonl"
        if journal.exists():
            summary = asdict(_summarise(document)) | {"journal_bytes": journal.stat().st_size}
            with atomic_file(journal.with_name("summary.json")) as path:
                path.write_text(json.dumps(summary) + "\n")


@lru_cache(maxsize=4096)
def _holds_video(path: Path, size: int, modified: int) -> bool:
    """True if a file that has not the ending of a video is one; size and time are part of the cache key."""
    try:
        return has_video_track(path)
    except OSError:  # cannot be read
        return False


def _summarise(document: Document) -> Summary:
    status = document.status if document.version else "new"
    spent = sum(effort.seconds for effort in document.effort.values())
    scores: list[float] = []
    for segment_id, segment in document.segments.items():
        if segment.status == "open":
            reviewed = set(document.anchors(segment_id))
            scores += [score for frame, score in document.scores(segment_id).items() if frame not in reviewed]
    return Summary(status, len(document.objects), len(document.segments), spent, min(scores, default=None))


@lru_cache(maxsize=4096)
def _duration(path: Path, size: int, modified: int) -> float | None:
    """Read the duration of a video from its header: nothing is decoded, since a list may have thousands of videos."""
    with open_video(path) as container:
        return container.duration / av.time_base if container.duration else None
