"""A folder of videos: which there are, how far each is, and its one document; all of it lies under `.avseg`."""

import fcntl
import json
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import av.error

from avseg.annotate.document.document import Document
from avseg.annotate.document.journal import Journal
from avseg.annotate.document.models import VideoFacts
from avseg.annotate.media.identity import check_same
from avseg.media.container import open_video
from avseg.media.video import SUFFIXES
from avseg.utils.errors import UserError, nearest
from avseg.utils.files import atomic_file

if TYPE_CHECKING:
    from avseg.annotate.media.video import Film

HOME = ".avseg"


@dataclass(frozen=True)
class VideoEntry:
    """A video in the list.

    Attributes:
        name: its file's name.
        status: "new" (never touched), "open", "done", "skipped", or "broken" (no video that can be opened).
        seconds: its length; None if its header does not tell.
        objects: how many.
        segments: how many.
        spent: seconds of a person's work.
    """

    name: str
    status: str
    seconds: float | None = None
    objects: int = 0
    segments: int = 0
    spent: float = 0.0


class Project:
    """The videos of a folder, links that lead out of it left out.

    Args:
        folder: where the videos lie.
        only: names of the videos that are of interest; none = all.
        open_film: opens a video; default: `film.open_film`.

    Attributes:
        folder: where the videos lie, resolved.

    Raises:
        UserError: no such folder, no video in it, or a name that is not there.
    """

    def __init__(
        self, folder: Path, only: tuple[str, ...] = (), open_film: "Callable[[Path], Film] | None" = None
    ) -> None:
        if not folder.is_dir():
            raise UserError(
                f"{folder}: " + ("is a file; name a folder of videos" if folder.exists() else "no such folder")
            )
        self.folder = folder.resolve()
        self._open_film = open_film or _open_film
        self._lock = threading.RLock()
        self._films: dict[str, Film] = {}
        self._documents: dict[str, Document] = {}
        self._held: dict[str, BinaryIO] = {}
        self._only: tuple[str, ...] = ()
        if not self.names():
            raise UserError(f"{folder}: no video in this folder; known are {', '.join(sorted(SUFFIXES))}")
        for name in only:
            self.path(name)
        self._only = tuple(dict.fromkeys(only))

    def names(self) -> list[str]:
        """The videos' names, in the order of the alphabet."""
        names = sorted(path.name for path in self.folder.iterdir() if self._is_video(path))
        return [name for name in names if not self._only or name in self._only]

    def videos(self) -> list[VideoEntry]:
        """All videos with what is known of them; those that are not open are read from their summaries."""
        return [self._entry(name) for name in self.names()]

    def path(self, name: str) -> Path:
        """The file of a video.

        Raises:
            UserError: there is no video of this name in the folder.
        """
        names = self.names()
        if name not in names:
            shown = ", ".join(names[:5]) + (f", ... ({len(names)} in all)" if len(names) > 5 else "")
            raise UserError(f"no video '{name}' in {self.folder}; there are {shown}{nearest(name, names)}")
        return self.folder / name

    def home(self, name: str) -> Path:
        """The folder of everything that is kept of a video.

        Raises:
            UserError: there is no such video, or the folder is a link that leads away.
        """
        self.path(name)
        home = self.folder / HOME / name
        if not home.resolve().is_relative_to(self.folder):
            raise UserError(f"{home}: is a link that leads out of {self.folder}; replace it by a folder")
        return home

    def film(self, name: str) -> "Film":
        """The video's pictures and sound, opened once.

        Raises:
            UserError: the video cannot be opened.
        """
        with self._lock:
            if name not in self._films:
                self.home(name)  # the film keeps its index there
                self._films[name] = self._open_film(self.path(name))
            return self._films[name]

    def open(self, name: str) -> Document:
        """The document of a video; the same one for everybody in this process, and for no other process.

        Raises:
            UserError: no such video, one that cannot be opened, a damaged journal, or another process has it open.
        """
        with self._lock:
            if name not in self._documents:
                self._documents[name] = self._load(name)
            return self._documents[name]

    def close(self) -> None:
        """Closes all documents, writes their summaries, and lets other processes have them."""
        with self._lock:
            for name, document in self._documents.items():
                document.close()
                self._summarise(name, document)
                self._held[name].close()
            for film in self._films.values():
                film.close()
            self._documents.clear()
            self._held.clear()
            self._films.clear()

    def __enter__(self) -> "Project":
        """Nothing is open yet."""
        return self

    def __exit__(self, *_: object) -> None:
        """Closes it."""
        self.close()

    def _is_video(self, path: Path) -> bool:
        known = path.suffix.lower() in SUFFIXES and not path.name.startswith(".")
        return known and path.is_file() and path.resolve().is_relative_to(self.folder)

    def _load(self, name: str) -> Document:
        home, film = self.home(name), self.film(name)
        facts = VideoFacts(name, film.frames, film.fps, film.height, film.width)
        try:
            home.mkdir(parents=True, exist_ok=True)
            held = _hold(home, name)
        except OSError as error:
            raise UserError(f"{home}: cannot be written ({error.strerror}); give rights, or copy the videos") from None
        try:
            document = Document(facts, home)
            check_same(self.path(name), home, begun=document.version > 0)
        except BaseException:
            held.close()
            raise
        self._held[name] = held
        return document

    def _entry(self, name: str) -> VideoEntry:
        with self._lock:
            document = self._documents.get(name)
        if document is not None:
            return VideoEntry(name, seconds=_seconds(self.folder / name), **_summary(document))
        seconds = _seconds(self.folder / name)
        if seconds is None and not _opens(self.folder / name):
            return VideoEntry(name, "broken")
        return VideoEntry(name, seconds=seconds, **self._known(name))

    def _known(self, name: str) -> dict[str, Any]:
        """What a video's summary says, if it is that of its journal; else what the journal says."""
        home = self.folder / HOME / name
        journal = home / "journal.jsonl"
        if not journal.is_file() or not home.resolve().is_relative_to(self.folder):
            return {"status": "new"}
        try:
            said = json.loads((home / "summary.json").read_text())
            if said.pop("journal_bytes") == journal.stat().st_size:
                return {key: said[key] for key in ("status", "objects", "segments", "spent")}
        except (OSError, ValueError, KeyError, AttributeError, TypeError):
            pass  # written anew at the next closing
        try:
            header = next(Journal(journal).records(), {"video": None})["video"]
            return _summary(Document(VideoFacts(**header), home)) if header else {"status": "new"}
        except (UserError, KeyError, TypeError):
            return {"status": "broken"}

    def _summarise(self, name: str, document: Document) -> None:
        journal = self.folder / HOME / name / "journal.jsonl"
        if journal.exists():
            with atomic_file(journal.with_name("summary.json")) as path:
                path.write_text(json.dumps({**_summary(document), "journal_bytes": journal.stat().st_size}) + "\n")


def _summary(document: Document) -> dict[str, Any]:
    untouched = document.version == 0
    return {
        "status": "new" if untouched else document.status,
        "objects": len(document.objects),
        "segments": len(document.segments),
        "spent": sum(spent.seconds for spent in document.effort.values()),
    }


def _hold(home: Path, name: str) -> BinaryIO:
    """Takes the lock of a video; the system gives it back when the process ends, however it ends."""
    file = (home / "lock").open("a+b")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.seek(0)
        owner = file.read(20).decode("ascii", "replace").strip() or "unknown"
        file.close()
        raise UserError(
            f"{name}: is open in another process ({owner}); use that one, or end it, or annotate another video"
        ) from None
    file.truncate(0)
    file.write(f"{os.getpid()}\n".encode("ascii"))
    file.flush()
    return file


def _seconds(path: Path) -> float | None:
    """A video's length as its header tells it: nothing is decoded, since a list may hold thousands."""
    try:
        with open_video(path) as container:
            return container.duration / av.time_base if container.duration else None
    except UserError:
        return None


def _opens(path: Path) -> bool:
    try:
        with open_video(path):
            return True
    except UserError:
        return False


def _open_film(path: Path) -> "Film":
    from avseg.annotate.media.video import open_film

    return open_film(path)
