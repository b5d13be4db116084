"""Routes that only read: the list of videos, a video, its frames, masks and sound, and its events."""

from dataclasses import asdict
from typing import Annotated

import numpy as np
from fastapi import APIRouter, Header, Query
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse

from avseg.annotate.media.spectrogram import tile
from avseg.annotate.server import serialize
from avseg.annotate.server.workspace import OpenVideo, VideoDep, WorkspaceDep
from avseg.utils.names import printable

router = APIRouter()
MAX_MASK_FRAMES = 240  # in one request
MAX_WIDTH = 1920  # pixels: more than any window shows
_CACHE_FOREVER = {"cache-control": "private, max-age=86400, immutable"}
_BINARY = "application/octet-stream"
Seconds = Annotated[float, Query(ge=-1e5, le=1e6, allow_inf_nan=False)]
Columns = Annotated[int, Query(ge=1, le=4096)]


@router.get("/videos")
async def _videos(workspace: WorkspaceDep) -> JSONResponse:
    rows = []
    for entry in await workspace.pools.slow(workspace.project.videos):
        row = asdict(entry)
        rows.append({"key": serialize.video_key(entry.name), **row, "name": printable(entry.name)})
    content = {
        "videos": rows,
        "backend": workspace.backend,
        "backends": workspace.describe_backends(),
        "audio_branch": None if workspace.audio_branch is None else printable(str(workspace.audio_branch)),
    }
    return JSONResponse(content)


@router.post("/v/{key}/open")
async def _open(key: str, workspace: WorkspaceDep) -> JSONResponse:
    video = await workspace.pools.slow(lambda: workspace.open(key))  # may index the whole file
    snapshot = await workspace.pools.edit(lambda: serialize.full_snapshot(video.document))
    content = {
        "name": printable(video.name),
        "film": video.properties(),
        "snapshot": snapshot,
        "note": video.document.note,
    }
    return JSONResponse(content)


@router.get("/v/{key}/times")
async def _times(video: VideoDep) -> Response:
    """Presentation time of each frame and the end of the last one: float64, little-endian."""
    # the page reads typed arrays, which are little-endian
    times = np.append(video.reader.times, video.reader.duration).astype("<f8")
    return Response(times.tobytes(), media_type=_BINARY)


@router.get("/v/{key}/snapshot")
async def _snapshot(video: VideoDep, workspace: WorkspaceDep) -> JSONResponse:
    return JSONResponse(await workspace.pools.edit(lambda: serialize.full_snapshot(video.document)))


@router.get("/v/{key}/frames/{frame}")
async def _frame(
    video: VideoDep, workspace: WorkspaceDep, frame: int, if_none_match: Annotated[str | None, Header()] = None
) -> Response:
    _check_frame(video, frame)
    etag = f'"{video.tag}-{frame}"'
    headers = {**_CACHE_FOREVER, "etag": etag}
    if if_none_match == etag:  # the tag changes with the file, so a cached frame stays valid
        return Response(status_code=304, headers=headers)
    data = await workspace.pools.decode(lambda: video.reader.jpeg(frame, 82, min(MAX_WIDTH, video.reader.width)))
    return Response(data, media_type="image/jpeg", headers=headers)


@router.get("/v/{key}/masks")
async def _masks(video: VideoDep, workspace: WorkspaceDep, start: int, end: int) -> JSONResponse:
    _check_frame(video, start)
    if not start < end <= start + MAX_MASK_FRAMES or end > video.reader.frames:
        raise HTTPException(400, f"masks of frames {start}-{end}: give up to {MAX_MASK_FRAMES} frames of the video")

    def read() -> list[serialize.Json]:
        prior_of = video.recorder.prior_of
        return [serialize.frame_masks(video.document, frame, prior_of) for frame in range(start, end)]

    # the document is thread-safe: masks need not wait in the edit thread for a running click
    return JSONResponse({"frames": await workspace.pools.decode(read)})


@router.get("/v/{key}/peaks")
async def _peaks(video: VideoDep, workspace: WorkspaceDep, start: Seconds, end: Seconds, columns: Columns) -> Response:
    """Lowest and highest sample of each column: float32, little-endian."""
    peaks = await workspace.pools.slow(lambda: video.sound.peaks(start, end, columns))
    return Response(np.ascontiguousarray(peaks, dtype="<f4").tobytes(), media_type=_BINARY)


@router.get("/v/{key}/spectrogram")
async def _spectrogram(
    video: VideoDep,
    workspace: WorkspaceDep,
    start: Seconds,
    end: Seconds,
    columns: Columns,
    rows: Annotated[int, Query(ge=1, le=512)] = 64,
) -> Response:
    """Bytes, row by row from the highest pitch down."""
    levels = await workspace.pools.slow(lambda: tile(video.sound, start, end, columns, rows))
    return Response(np.ascontiguousarray(levels).tobytes(), media_type=_BINARY)


@router.get("/v/{key}/sound.wav")
async def _sound(video: VideoDep, workspace: WorkspaceDep) -> FileResponse:
    if not video.reader.has_sound:
        raise HTTPException(404, "this video has no sound")
    path = await workspace.pools.slow(video.sound.wav)
    return FileResponse(
        path, media_type="audio/wav", headers={"cache-control": "private, no-cache"}
    )  # with byte ranges, for seeking


@router.get("/v/{key}/events")
async def _events(video: VideoDep) -> StreamingResponse:
    stream = video.hub.stream(lambda: video.document.version)
    return StreamingResponse(stream, media_type="text/event-stream")


def _check_frame(video: OpenVideo, frame: int) -> None:
    if not 0 <= frame < video.reader.frames:
        raise HTTPException(404, f"frame {frame} does not exist; the video has {video.reader.frames}")
