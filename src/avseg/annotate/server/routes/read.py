"""Routes that only read: the list, a video, its frames, masks and sound, and what happens to it."""

from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Header, Query
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, Response, StreamingResponse

from avseg.annotate.media.spectrogram import tile
from avseg.annotate.server import serialize
from avseg.annotate.server.workspace import Opened, StudioOf, Video

router = APIRouter()
MOST_MASKS = 240  # frames in one request
MOST_WIDTH = 1920  # pixels: more than any window shows
_KEEP = {"cache-control": "private, max-age=86400, immutable"}
Seconds = Annotated[float, Query(ge=-1e5, le=1e6, allow_inf_nan=False)]
Columns = Annotated[int, Query(ge=1, le=4096)]


@router.get("/videos")
async def _videos(studio: StudioOf) -> dict[str, Any]:
    entries = await studio.workers.slow(studio.project.videos)
    rows = [
        {
            "key": serialize.key_of(one.name),
            "name": one.name,
            "status": one.status,
            "seconds": one.seconds,
            "objects": one.objects,
            "segments": one.segments,
        }
        for one in entries
    ]
    return {"videos": rows, "backend": studio.backend}


@router.post("/v/{key}/open")
async def _open(key: str, studio: StudioOf) -> dict[str, Any]:
    opened = await studio.workers.slow(lambda: studio.open(key))
    snapshot = await studio.workers.edit(lambda: serialize.whole(opened.document))
    return {"name": opened.name, "film": opened.facts(), "snapshot": snapshot, "note": opened.document.note}


@router.get("/v/{key}/times")
async def _times(opened: Video) -> Response:
    """When each frame is shown, and the end of the last: float64, little-endian."""
    times = np.append(opened.film.times, opened.film.duration).astype("<f8")
    return Response(times.tobytes(), media_type="application/octet-stream")


@router.get("/v/{key}/snapshot")
async def _snapshot(opened: Video, studio: StudioOf) -> dict[str, Any]:
    return await studio.workers.edit(lambda: serialize.whole(opened.document))


@router.get("/v/{key}/frames/{number}")
async def _frame(
    opened: Video, studio: StudioOf, number: int, if_none_match: Annotated[str | None, Header()] = None
) -> Response:
    _check(opened, number)
    etag = f'"{opened.tag}-{number}"'
    if if_none_match == etag:
        return Response(status_code=304, headers={**_KEEP, "etag": etag})
    data = await studio.workers.frame(lambda: opened.film.jpeg(number, 82, min(MOST_WIDTH, opened.film.width)))
    return Response(data, media_type="image/jpeg", headers={**_KEEP, "etag": etag})


@router.get("/v/{key}/masks")
async def _masks(opened: Video, studio: StudioOf, start: int, end: int) -> dict[str, Any]:
    _check(opened, start)
    if not start < end <= start + MOST_MASKS or end > opened.film.frames:
        raise HTTPException(400, f"masks of frames {start}-{end}: give up to {MOST_MASKS} frames of the video")
    document, before = opened.document, opened.remembered.before
    # the document guards itself: masks need not wait for a click that is being answered
    frames = await studio.workers.frame(lambda: [serialize.masks(document, n, before) for n in range(start, end)])
    return {"frames": frames}


@router.get("/v/{key}/peaks")
async def _peaks(opened: Video, studio: StudioOf, start: Seconds, end: Seconds, columns: Columns) -> Response:
    """Lowest and highest sample of each column: float32, little-endian."""
    found = await studio.workers.slow(lambda: opened.sound.peaks(start, end, columns))
    data = np.ascontiguousarray(found, dtype="<f4").tobytes()
    return Response(data, media_type="application/octet-stream")


@router.get("/v/{key}/spectrogram")
async def _spectrogram(
    opened: Video,
    studio: StudioOf,
    start: Seconds,
    end: Seconds,
    columns: Columns,
    rows: Annotated[int, Query(ge=1, le=512)] = 64,
) -> Response:
    """Bytes, row by row from the highest pitch down."""
    found = await studio.workers.slow(lambda: tile(opened.sound, start, end, columns, rows))
    return Response(np.ascontiguousarray(found).tobytes(), media_type="application/octet-stream")


@router.get("/v/{key}/sound.wav")
async def _sound(opened: Video, studio: StudioOf) -> FileResponse:
    if not opened.film.has_sound:
        raise HTTPException(404, "this video has no sound")
    path = await studio.workers.slow(opened.sound.wav)
    return FileResponse(path, media_type="audio/wav", headers={"cache-control": "private, no-cache"})


@router.get("/v/{key}/events")
async def _events(opened: Video) -> StreamingResponse:
    stream = opened.hub.stream(lambda: opened.document.version)
    return StreamingResponse(stream, media_type="text/event-stream")


def _check(opened: Opened, number: int) -> None:
    if not 0 <= number < opened.film.frames:
        raise HTTPException(404, f"there is no frame {number}; the video has {opened.film.frames}")
