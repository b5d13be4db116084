"""State of the server: the open videos, each with its sound, document, session and connected tabs."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import unquote

from fastapi import Depends, Request
from fastapi.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from avseg.annotate.backends import PROPAGATORS, SEGMENTERS, backend_options, make_propagator, make_segmenter
from avseg.annotate.backends.offers import describe_backends
from avseg.annotate.document.document import Document
from avseg.annotate.document.models import Change
from avseg.annotate.media.sound import Sound
from avseg.annotate.media.video import VideoReader
from avseg.annotate.project import Project
from avseg.annotate.protocols import Propagator, Segmenter
from avseg.annotate.server.events import EventHub
from avseg.annotate.server.prior_recorder import PriorRecorder
from avseg.annotate.server.serialize import video_key
from avseg.annotate.server.thread_pools import ThreadPools
from avseg.annotate.session import Session
from avseg.utils.errors import UserError
from avseg.utils.hashing import file_stamp


class OpenVideo:
    """One open video with its sound, annotation, models and connected tabs."""

    def __init__(
        self, name: str, reader: VideoReader, document: Document, segmenter: Segmenter, propagator: Propagator
    ) -> None:
        self.name, self.reader, self.document = name, reader, document
        self.sound = Sound(reader.path, audio_track=reader.audio_track)
        self.recorder = PriorRecorder(segmenter)  # remembers what refined masks were drawn from
        self.hub = EventHub()
        size, modified = file_stamp(reader.path)
        self.tag = f"{size:x}-{modified:x}"  # differs between files, so that a browser may cache frames
        self.session = Session(document, reader, self.recorder, propagator, on_event=self.hub.publish)
        self._author = threading.local()  # changes are published in the thread that makes them
        document.subscribe(self._publish_change)

    @contextmanager
    def edited_by(self, client: str) -> Iterator[None]:
        """Attribute the changes of this thread to a tab."""
        self._author.client = client
        try:
            yield
        finally:
            del self._author.client

    def _publish_change(self, change: Change) -> None:
        """Inform the tabs, in the thread that made the change."""
        author = getattr(self._author, "client", None)
        ranges = list(change.frames.values())
        self.hub.publish("changed", by=author, version=change.version, frames=ranges, op=change.op)

    def review_queue(self) -> dict[str, object]:
        """List the segments, the worst first, and the quality of each."""
        rows, quality = [], {}
        for check in self.session.review_queue():
            segment_id = check.segment_id
            quality[str(segment_id)] = asdict(check.quality)
            rows.append(
                {
                    "segment": segment_id,
                    "object": self.document.segments[segment_id].object_id,
                    "frame": check.frame,
                    "score": check.quality.minimum,
                    "bad": check.bad,
                    "reason": f"{check.quality.to_check} of {check.quality.total} frames to look at",
                }
            )
        return {"queue": rows, "quality": quality}

    def properties(self) -> dict[str, object]:
        """Describe the video for the page."""
        names = ("frames", "fps", "height", "width", "pixel_aspect", "has_sound", "duration")
        return {**{name: getattr(self.reader, name) for name in names}, "tag": self.tag}


class Workspace:
    """All videos of a project; a backend that only draws or propagates is combined with the default one."""

    def __init__(
        self,
        project: Project,
        segmenter: str,
        propagator: str,
        options: Mapping[str, Any],
        audio_branch: Path | None = None,  # a run that proposes classes
    ) -> None:
        if segmenter not in SEGMENTERS and segmenter in PROPAGATORS:
            segmenter = "default"
        if propagator not in PROPAGATORS and propagator in SEGMENTERS:
            propagator = "default"
        self.project, self.options, self.audio_branch = project, dict(options), audio_branch
        self.backend = {"segmenter": segmenter, "propagator": propagator}
        self.pools = ThreadPools()
        # shared by all videos, since it has no state; a propagator has, so each video gets its own
        self.segmenter = make_segmenter(segmenter, **backend_options(segmenter, self.options))
        self._videos: dict[str, OpenVideo] = {}
        self._lock = threading.RLock()  # two tabs may open a video at once

    def describe_backends(self) -> list[dict[str, str]]:
        """List the backends with what they can do, and how to get those without weights."""
        names = {role: "light" if name == "default" else name for role, name in self.backend.items()}
        return describe_backends(names["segmenter"], names["propagator"])

    def video_name(self, key: str) -> str:
        """Return the name of the video with a key, or respond with 404."""
        for name in self.project.names():
            if video_key(name) == key:
                return name
        raise HTTPException(404, "no such video in the project's folder; reload the page")

    def open(self, key: str) -> OpenVideo:
        """Open a video; slow the first time, because the file is read to index its frames."""
        name = self.video_name(key)
        with self._lock:
            if key not in self._videos:
                document, reader = self.project.open(name), self.project.video(name)
                backend = self.backend["propagator"]
                propagator = make_propagator(backend, **backend_options(backend, self.options))
                self._videos[key] = OpenVideo(name, reader, document, self.segmenter, propagator)
                self._videos[key].session.draw_pending()
            return self._videos[key]

    def find_open(self, key: str) -> OpenVideo | None:
        """Return a video that is open, None for all others."""
        return self._videos.get(key)

    def opened(self, key: str) -> OpenVideo:
        """Return a video that is open, or respond with 404 (unknown) or 409 (not open)."""
        video = self.find_open(key)
        if video is None:
            self.video_name(key)  # 404 for an unknown video
            raise HTTPException(409, "this video is not open; open it first")
        return video

    def close_event_streams(self) -> None:
        """End the event streams of all tabs."""
        for video in list(self._videos.values()):
            video.hub.close()

    def close(self) -> None:
        """Stop running work and close all videos."""
        self.close_event_streams()  # first, because a stream keeps its connection open
        for video in list(self._videos.values()):
            video.session.close()
        self.pools.close()
        self.project.close()


# async, though they wait for nothing: FastAPI calls other functions in threads, and a click waits for each of these
async def _workspace(request: Request) -> Workspace:
    workspace: Workspace = request.app.state.workspace
    return workspace


WorkspaceDep = Annotated[Workspace, Depends(_workspace)]


async def _open_video(key: str, workspace: WorkspaceDep) -> OpenVideo:
    video = workspace.find_open(key)
    # a key that is not open is looked up among the files of the folder
    return video if video is not None else await run_in_threadpool(workspace.opened, key)


async def _client(request: Request) -> str:
    """Return the name of the tab, which only distinguishes it from others."""
    return _short_header(request, "X-Avseg-Client")


async def _request_id(request: Request) -> str:
    """Return the id of an edit: one that arrives again, since its answer was lost, is not carried out twice."""
    return _short_header(request, "X-Avseg-Request")


async def _annotator(request: Request) -> str:
    """Return who makes a change, for the journal and the cost table."""
    return unquote(_short_header(request, "X-Avseg-Annotator", 200))


def _short_header(request: Request, header: str, limit: int = 40) -> str:
    name = request.headers.get(header, "")
    if len(name) > limit or not name.isascii() or not name.isprintable():
        raise UserError(f"{header} is not a short name")
    return name


VideoDep = Annotated[OpenVideo, Depends(_open_video)]
ClientDep = Annotated[str, Depends(_client)]
RequestDep = Annotated[str, Depends(_request_id)]
AnnotatorDep = Annotated[str, Depends(_annotator)]
