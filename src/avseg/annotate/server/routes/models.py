"""Routes that run models over many frames: propagate, cancel, review queue, prefetch, proposals."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from fastapi import APIRouter
from starlette.responses import JSONResponse

from avseg.annotate.document.rle import encode
from avseg.annotate.server import schemas
from avseg.annotate.server.workspace import VideoDep, WorkspaceDep
from avseg.utils.errors import UserError

router = APIRouter()


@router.get("/v/{key}/queue")
async def _queue(video: VideoDep, workspace: WorkspaceDep) -> JSONResponse:
    return JSONResponse(await workspace.pools.edit(video.review_queue))


@router.post("/v/{key}/propagate")
async def _propagate(body: schemas.Propagate, video: VideoDep, workspace: WorkspaceDep) -> JSONResponse:
    """Start a propagation; the events report its progress."""

    def start() -> dict[str, object]:
        run = video.session.propagate(body.segment, body.direction, body.refine, body.frame, body.include_current)
        return {"total": run.total, "run": run.start_version}

    return JSONResponse(await workspace.pools.edit(start))


@router.post("/v/{key}/fill")
async def _fill(body: schemas.Fill, video: VideoDep, workspace: WorkspaceDep) -> JSONResponse:
    """Propagate in all segments of an object, or of all objects."""

    def start() -> dict[str, object]:
        runs = video.session.fill(body.object, body.first, body.refine)
        return {"total": sum(run.total for run in runs), "segments": len(runs)} | video.session.queue.report()

    return JSONResponse(await workspace.pools.edit(start))


@router.get("/v/{key}/runs")
async def _runs(video: VideoDep) -> JSONResponse:
    return JSONResponse(video.session.queue.report())


@router.post("/v/{key}/runs/{run_id}/first")
async def _run_first(video: VideoDep, run_id: int) -> dict[str, object]:
    video.session.run_first(run_id)
    return {}


@router.post("/v/{key}/cancel")
async def _cancel(body: schemas.Cancel, video: VideoDep) -> dict[str, object]:
    video.session.cancel(body.run)  # not in the edit thread: it must not wait
    return {}


@router.post("/v/{key}/look")
async def _prefetch(body: schemas.Prefetch, video: VideoDep) -> dict[str, object]:
    """Encode frames that are likely to be clicked in as soon as the models are idle."""
    video.session.encode_ahead(frame for frame in body.frames if frame < video.reader.frames)
    return {}


@router.post("/v/{key}/preview")
async def _preview(body: schemas.Preview, video: VideoDep, workspace: WorkspaceDep) -> JSONResponse:
    """Draw the mask that a click would give; `mask` is null if that takes too long, `slow` if it always does."""

    def draw() -> dict[str, object]:
        drawing = video.session.preview(body.object, body.frame, body.x, body.y, body.positive)
        mask = None if drawing is None or drawing.mask is None else encode(drawing.mask)
        return {"mask": mask, "slow": video.session.is_slow}

    return JSONResponse(await workspace.pools.decode(draw))


@router.post("/v/{key}/propose")
async def _propose(body: schemas.Propose, video: VideoDep, workspace: WorkspaceDep) -> JSONResponse:
    method: str | Path = body.method
    options: dict[str, Any] = dict(body.options)
    if method == "audio_branch":
        if workspace.audio_branch is None:
            raise UserError("there is no audio branch; start the server with --audio-branch RUN")
        method = workspace.audio_branch
        options["device"] = workspace.options.get("device", "cpu")
    proposals = await workspace.pools.slow(lambda: video.session.propose(method, **options))
    return JSONResponse({"proposals": list(map(asdict, proposals))})
