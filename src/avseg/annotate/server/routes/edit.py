"""Routes that change a video: operations, undo and redo, and masks from points, boxes and the brush."""

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter

from avseg.annotate.document.models import Change
from avseg.annotate.server import schemas, serialize
from avseg.annotate.server.errors import Conflict
from avseg.annotate.server.workspace import Client, Opened, StudioOf, Video
from avseg.utils.errors import UserError

router = APIRouter()


@router.post("/v/{key}/do")
async def _do(body: schemas.Ops, opened: Video, studio: StudioOf, client: Client) -> dict[str, Any]:
    def act() -> list[Change]:
        return _together(opened, body.ops, body.base_version)

    return await studio.workers.edit(lambda: answer(opened, client, body, act))


@router.post("/v/{key}/undo")
async def _undo(body: schemas.Steps, opened: Video, studio: StudioOf, client: Client) -> dict[str, Any]:
    return await studio.workers.edit(lambda: _move(opened, client, body, "undo"))


@router.post("/v/{key}/redo")
async def _redo(body: schemas.Steps, opened: Video, studio: StudioOf, client: Client) -> dict[str, Any]:
    return await studio.workers.edit(lambda: _move(opened, client, body, "redo"))


@router.post("/v/{key}/click")
async def _click(body: schemas.Click, opened: Video, studio: StudioOf, client: Client) -> dict[str, Any]:
    def act() -> list[Change]:
        return [opened.session.click(body.object, body.frame, body.points, base_version=body.base_version)]

    return await studio.workers.edit(lambda: answer(opened, client, body, act, body.frame))


@router.post("/v/{key}/box")
async def _box(body: schemas.BoxPrompt, opened: Video, studio: StudioOf, client: Client) -> dict[str, Any]:
    def act() -> list[Change]:
        base = body.base_version
        return [opened.session.box(body.object, body.frame, body.box, body.points, base_version=base)]

    return await studio.workers.edit(lambda: answer(opened, client, body, act, body.frame))


@router.post("/v/{key}/brush")
async def _brush(body: schemas.Brush, opened: Video, studio: StudioOf, client: Client) -> dict[str, Any]:
    def act() -> list[Change]:
        mask = body.mask.model_dump()
        return [opened.session.brush(body.object, body.frame, mask, base_version=body.base_version)]

    return await studio.workers.edit(lambda: answer(opened, client, body, act, body.frame))


@router.post("/v/{key}/refine")
async def _refine(body: schemas.Place, opened: Video, studio: StudioOf, client: Client) -> dict[str, Any]:
    def act() -> list[Change]:
        return [opened.session.refine(body.object, body.frame, base_version=body.base_version)]

    return await studio.workers.edit(lambda: answer(opened, client, body, act, body.frame))


@router.post("/v/{key}/spend")
async def _spend(body: schemas.Spend, opened: Video, studio: StudioOf) -> dict[str, Any]:
    op = {"op": "spend", "segment": body.segment, "seconds": body.seconds, "clicks": body.clicks}
    await studio.workers.edit(lambda: opened.document.do(op))
    return {}


def answer(
    opened: Opened,
    client: str,
    body: schemas.Based,
    act: Callable[[], list[Change]],
    frame: int | None = None,
) -> dict[str, Any]:
    """Does something to a video and says what is different now.

    Args:
        opened: the video.
        client: the tab that asks; the others are told.
        body: with the version that the tab knows.
        act: does it.
        frame: whose masks the tab wants at once.

    Raises:
        Conflict: it was refused, and the tab does not know the latest version.
        UserError: it was refused.
    """
    version = opened.document.version
    try:
        with opened.acting(client):
            changes = act()
    except UserError as error:
        if body.base_version != version:
            raise Conflict(opened.document.version, str(error)) from error
        raise
    ranges = serialize.union(changes)
    shown = [] if frame is None else [serialize.masks(opened.document, frame, opened.remembered.before)]
    return {
        "snapshot": serialize.changed(opened.document, ranges),
        "touched": list(ranges.values()),
        "frames": shown,
        "added": [change.segment_id or change.object_id for change in changes],
    }


def _together(opened: Opened, ops: list[dict[str, Any]], base: int) -> list[Change]:
    """Does operations as one step: all of them or none."""
    if len(ops) == 1:
        return [opened.document.do(ops[0], base)]
    with opened.document.transaction():
        return [opened.document.do(op, None if place else base) for place, op in enumerate(ops)]


def _move(opened: Opened, client: str, body: schemas.Steps, direction: str) -> dict[str, Any]:
    def act() -> list[Change]:
        step = opened.document.undo if direction == "undo" else opened.document.redo
        changes = [step(body.base_version)]
        for _ in range(body.steps - 1):
            try:
                changes.append(step())
            except UserError:  # there are no more
                break
        return changes

    steps = opened.document.history
    moving = [step for step in steps if step.undone == (direction == "redo")]
    name = (moving[-1] if direction == "undo" else moving[0]).op.replace("_", " ") if moving else ""
    found = answer(opened, client, body, act)
    return {**found, "said": f"{'undone' if direction == 'undo' else 'done again'}: {name}"}
