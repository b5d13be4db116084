"""The videos that are open: film, sound, document, session and the tabs that show them."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import Depends, Request
from starlette.exceptions import HTTPException

from avseg.annotate.backends import PROPAGATORS, SEGMENTERS, make_propagator, make_segmenter, options_of
from avseg.annotate.document.document import Document
from avseg.annotate.document.models import Change
from avseg.annotate.media.sound import Sound
from avseg.annotate.media.video import Film
from avseg.annotate.project import Project
from avseg.annotate.protocols import Segmenter
from avseg.annotate.server.events import Hub
from avseg.annotate.server.prior_recorder import Remembering
from avseg.annotate.server.serialize import key_of
from avseg.annotate.server.thread_pools import Workers
from avseg.annotate.session import Session
from avseg.utils.errors import UserError


class Opened:
    """One open video.

    Attributes:
        name: of its file.
        film: its frames.
        sound: its sound.
        document: its annotation.
        session: the models at work on it.
        remembered: what refined masks were made from.
        hub: the tabs that show it.
        tag: another one for another file, so that a browser may keep its pictures.
    """

    def __init__(self, name: str, film: Film, sound: Sound, document: Document, studio: "Studio") -> None:
        self.name, self.film, self.sound, self.document = name, film, sound, document
        self.remembered = Remembering(studio.segmenter())
        self.hub = Hub()
        state = film.path.stat()
        self.tag = f"{state.st_size:x}-{state.st_mtime_ns:x}"
        self.session = Session(document, film, self.remembered, studio.propagator(), on_event=self._told)
        self._by = threading.local()
        document.subscribe(self._changed)

    @contextmanager
    def acting(self, client: str) -> Iterator[None]:
        """What is done inside is this tab's."""
        self._by.client = client
        try:
            yield
        finally:
            del self._by.client

    def _changed(self, change: Change) -> None:
        """Tells the tabs, in the thread that made the change."""
        ranges = list(change.frames.values())
        by = getattr(self._by, "client", None)
        self.hub.tell("changed", by=by, version=change.version, frames=ranges, op=change.op)

    def _told(self, kind: str, **values: Any) -> None:
        """Passes on how far a propagation is."""
        self.hub.tell(kind, **values)

    def queue(self) -> dict[str, Any]:
        """The segments, the worst first, and the quality of each."""
        checks = self.session.review_queue()
        rows = []
        for check in checks:
            name = check.segment_id
            segment = self.document.segments[name]
            rows.append(
                {
                    "segment": name,
                    "object": segment.object_id,
                    "frame": check.frame,
                    "score": check.quality.minimum,
                    "bad": check.bad,
                    "reason": f"{check.bad} of {check.frames + 1} frames look bad",
                }
            )
        quality = {str(check.segment_id): asdict(check.quality) for check in checks}
        return {"queue": rows, "quality": quality}

    def facts(self) -> dict[str, Any]:
        """What the page must know of the video."""
        film = self.film
        return {
            "frames": film.frames,
            "fps": film.fps,
            "height": film.height,
            "width": film.width,
            "has_sound": film.has_sound,
            "duration": film.duration,
            "tag": self.tag,
        }


class Studio:
    """All videos of a project, opened when they are asked for.

    Args:
        project: the folder.
        segmenter: name of the backend that draws masks.
        propagator: name of the backend that carries them on; the default one where a backend only draws.
        options: of the backends.
    """

    def __init__(self, project: Project, segmenter: str, propagator: str, options: Mapping[str, Any]) -> None:
        if segmenter not in SEGMENTERS and segmenter in PROPAGATORS:
            segmenter = "default"
        if propagator not in PROPAGATORS and propagator in SEGMENTERS:
            propagator = "default"
        self.project, self.options = project, dict(options)
        self.backend = {"segmenter": segmenter, "propagator": propagator}
        self.workers = Workers()
        self._segmenter: Segmenter | None = make_segmenter(segmenter, **self._for(segmenter))
        self._open: dict[str, Opened] = {}
        self._lock = threading.RLock()

    def segmenter(self) -> Segmenter:
        """The segmenter that all videos share: it remembers nothing."""
        assert self._segmenter is not None
        return self._segmenter

    def propagator(self) -> Any:
        """A propagator of a video's own: it remembers."""
        return make_propagator(self.backend["propagator"], **self._for(self.backend["propagator"]))

    def _for(self, name: str) -> dict[str, Any]:
        return options_of(name, self.options)

    def name_of(self, key: str) -> str:
        """The video of a key.

        Raises:
            HTTPException: there is none.
        """
        for name in self.project.names():
            if key_of(name) == key:
                return name
        raise HTTPException(404, "there is no such video in the project's folder; reload the page")

    def open(self, key: str) -> Opened:
        """Opens a video, or finds it open. May take long the first time: the file is read for its index."""
        name = self.name_of(key)
        with self._lock:
            if key not in self._open:
                document = self.project.open(name)
                film = self.project.film(name)
                self._open[key] = Opened(name, film, Sound(film.path), document, self)
            return self._open[key]

    def opened(self, key: str) -> Opened:
        """A video that is open.

        Raises:
            HTTPException: it is not.
        """
        found = self._open.get(key)
        if found is None:
            self.name_of(key)
            raise HTTPException(409, "this video is not open; open it first")
        return found

    def hush(self) -> None:
        """Ends the streams to all tabs."""
        for one in list(self._open.values()):
            one.hub.close()

    def close(self) -> None:
        """Stops what runs and closes all videos."""
        self.hush()
        for one in list(self._open.values()):
            one.session.close()
        self.workers.close()
        self.project.close()


def _studio(request: Request) -> Studio:
    studio: Studio = request.app.state.studio
    return studio


def _opened(key: str, request: Request) -> Opened:
    return _studio(request).opened(key)


async def _client(request: Request) -> str:
    """Which tab asks; only to tell it apart from others."""
    name = request.headers.get("x-avseg-client", "")
    if len(name) > 40 or not name.isascii() or not name.isprintable():
        raise UserError("X-Avseg-Client is not a short name")
    return name


StudioOf = Annotated[Studio, Depends(_studio)]
Video = Annotated[Opened, Depends(_opened)]
Client = Annotated[str, Depends(_client)]
