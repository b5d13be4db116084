"""Routes of what the models do over many frames: propagate, stop, what to check first, what is heard where."""

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter

from avseg.annotate.server import schemas
from avseg.annotate.server.workspace import StudioOf, Video

router = APIRouter()


@router.get("/v/{key}/queue")
async def _queue(opened: Video, studio: StudioOf) -> dict[str, Any]:
    return await studio.workers.edit(opened.queue)


@router.post("/v/{key}/propagate")
async def _propagate(body: schemas.Propagate, opened: Video, studio: StudioOf) -> dict[str, Any]:
    """Starts; the events tell how far it is."""

    def start() -> dict[str, Any]:
        run = opened.session.propagate(body.segment, body.direction, body.refine, body.frame, body.whole)
        return {"total": run.total, "run": run.start_version}

    return await studio.workers.edit(start)


@router.post("/v/{key}/cancel")
async def _cancel(opened: Video) -> dict[str, Any]:
    opened.session.cancel()
    return {}


@router.post("/v/{key}/look")
async def _look(body: schemas.Look, opened: Video) -> dict[str, Any]:
    """Frames that are likely to be clicked in: the segmenter looks at them while there is nothing else to do."""
    opened.session.encode_ahead(frame for frame in body.frames if frame < opened.film.frames)
    return {}


@router.post("/v/{key}/propose")
async def _propose(body: schemas.Propose, opened: Video, studio: StudioOf) -> dict[str, Any]:
    found = await studio.workers.slow(lambda: opened.session.propose(body.method, **body.options))
    return {"proposals": [asdict(one) for one in found]}
