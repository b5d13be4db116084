"""Routes that change a video: operations, undo and redo, and masks from points, boxes and the brush."""

from collections.abc import Callable
from operator import attrgetter
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import JSONResponse

from avseg.annotate.document.models import Change, union_spans
from avseg.annotate.proposals.energy import Proposal
from avseg.annotate.server import schemas, serialize
from avseg.annotate.server.errors import VersionConflict
from avseg.annotate.server.thread_pools import ThreadPools
from avseg.annotate.server.workspace import AnnotatorDep, ClientDep, OpenVideo, RequestDep, VideoDep, WorkspaceDep
from avseg.utils.errors import UserError

router = APIRouter()


class Editor:
    """Changes a video on behalf of one tab."""

    def __init__(self, video: OpenVideo, pools: ThreadPools, client: str, request: str, annotator: str) -> None:
        self.video, self.session, self.document = video, video.session, video.document
        self._pools, self._client = pools, client
        self._request, self._annotator = request, annotator

    async def run(
        self,
        body: schemas.Edit,  # with the version of the document that the tab knows
        make_changes: Callable[[], list[Change]],
        frame: int | None = None,  # its masks are part of the response
        direction: str | None = None,  # "undo" or "redo", if the response is to name the step
    ) -> JSONResponse:
        """Make changes in the edit thread and respond with what is different now, or with the reason of a refusal."""

        def edit() -> dict[str, object]:
            message = {} if direction is None else {"said": _message(self.video, direction)}
            version = self.document.version  # before the changes
            if self._request and self.document.was_done(self._request):
                # the answer was lost: the page may have missed anything
                whole = serialize.full_snapshot(self.document)
                return {"snapshot": whole, "touched": [[0, self.document.video.frames]], "frames": [], "added": []}
            try:
                with self.video.edited_by(self._client), self.document.requested(self._request, self._annotator):
                    changes = make_changes()
            except UserError as error:
                # a tab that is out of date must reload before its user can judge the refusal
                if body.base_version != version:
                    raise VersionConflict(self.document.version, str(error)) from error
                raise
            notes = [change.note for change in changes if change.note]
            return {**self._describe(changes, frame), **message, "note": notes[0] if notes else ""}

        return JSONResponse(await self._pools.edit(edit))

    async def run_session(
        self, body: schemas.ObjectInFrame, method: Callable[..., Change], *values: object
    ) -> JSONResponse:
        """Draw the mask of an object in a frame by a method of the session."""

        def draw() -> list[Change]:
            return [method(body.object, body.frame, *values, base_version=body.base_version)]

        return await self.run(body, draw, body.frame)

    def _describe(self, changes: list[Change], frame: int | None) -> dict[str, object]:
        spans = union_spans(*map(attrgetter("frames"), changes))
        frames = []
        if frame is not None:
            frames.append(serialize.frame_masks(self.document, frame, self.video.recorder.prior_of))
        return {
            "snapshot": serialize.changed_snapshot(self.document, spans),
            "touched": list(spans.values()),
            "frames": frames,
            "added": [change.segment_id or change.object_id for change in changes],
        }


async def _editor(
    video: VideoDep, workspace: WorkspaceDep, client: ClientDep, request: RequestDep, annotator: AnnotatorDep
) -> Editor:
    return Editor(video, workspace.pools, client, request, annotator)


EditorDep = Annotated[Editor, Depends(_editor)]


@router.post("/v/{key}/do")
async def _do(body: schemas.Operations, editor: EditorDep) -> JSONResponse:
    return await editor.run(body, lambda: _apply_all(editor.video, body))


@router.post("/v/{key}/undo")
async def _undo(body: schemas.Steps, editor: EditorDep) -> JSONResponse:
    return await editor.run(body, lambda: _repeat(editor.session.undo, body), direction="undo")


@router.post("/v/{key}/redo")
async def _redo(body: schemas.Steps, editor: EditorDep) -> JSONResponse:
    return await editor.run(body, lambda: _repeat(editor.session.redo, body), direction="redo")


@router.post("/v/{key}/draw")
async def _draw(body: schemas.Draw, editor: EditorDep) -> JSONResponse:
    return await editor.run_session(body, editor.session.draw, body.actions)


@router.post("/v/{key}/candidate")
async def _next_candidate(body: schemas.NextCandidate, editor: EditorDep) -> JSONResponse:
    return await editor.run_session(body, editor.session.next_candidate, body.step)


@router.post("/v/{key}/click")
async def _click(body: schemas.Click, editor: EditorDep) -> JSONResponse:
    return await editor.run_session(body, editor.session.click, body.points)


@router.post("/v/{key}/box")
async def _box(body: schemas.BoxPrompt, editor: EditorDep) -> JSONResponse:
    return await editor.run_session(body, editor.session.box, body.box, body.points)


@router.post("/v/{key}/brush")
async def _brush(body: schemas.Brush, editor: EditorDep) -> JSONResponse:
    return await editor.run_session(body, editor.session.brush, body.mask.model_dump())


@router.post("/v/{key}/cut_out")
async def _cut_out(body: schemas.CutOut, editor: EditorDep) -> JSONResponse:
    def cut() -> list[Change]:
        return editor.session.cut_out(body.object, body.frame, body.keep, body.base_version)

    return await editor.run(body, cut, body.frame)


@router.post("/v/{key}/add_proposals")
async def _add_proposals(body: schemas.Proposals, editor: EditorDep) -> JSONResponse:
    """Add proposals to the objects with their labels, which are added too, as one step."""
    proposals = [Proposal(item.start, item.end, item.label, 1.0) for item in body.proposals]

    def add() -> list[Change]:
        changes = []
        for segment_id in editor.session.add_proposals(proposals):
            segment = editor.document.segments[segment_id]
            span = {segment.object_id: (segment.start, segment.end)}
            changes.append(Change(editor.document.version, "propose", span, segment_id=segment_id))
        return changes

    return await editor.run(body, add)


@router.post("/v/{key}/refine")
async def _refine(body: schemas.ObjectInFrame, editor: EditorDep) -> JSONResponse:
    return await editor.run_session(body, editor.session.refine)


@router.post("/v/{key}/spend")
async def _spend(
    body: schemas.TimeSpent, video: VideoDep, workspace: WorkspaceDep, annotator: AnnotatorDep
) -> dict[str, object]:
    op = {"op": "spend", "segment": body.segment, "seconds": body.seconds, "clicks": body.clicks}

    def spend() -> None:
        with video.document.requested("", annotator):
            video.document.do(op)  # without a version: it cannot conflict

    await workspace.pools.edit(spend)
    return {}


def _apply_all(video: OpenVideo, body: schemas.Operations) -> list[Change]:
    """Apply operations as one step: all of them or none."""
    first, *following = body.ops
    first = {**first, "base_version": body.base_version}
    if not following:
        return [video.document.do(first)]
    with video.document.transaction():
        changes = [video.document.do(first)]
        for op in following:
            # the first operation has made a newer version
            changes.append(video.document.do({**op, "base_version": None}))
        return changes


def _repeat(step: Callable[..., Change], body: schemas.Steps) -> list[Change]:
    """Undo or redo up to a number of steps."""
    changes = [step(body.base_version)]
    for _ in range(body.steps - 1):
        try:
            changes.append(step())
        except UserError:  # no further step
            break
    return changes


def _message(video: OpenVideo, direction: str) -> str:
    """Name the step that an undo or redo is about to move."""
    undo = direction == "undo"
    names = [step.op.replace("_", " ") for step in video.document.history if step.undone is not undo]
    if not names:
        return ""
    return f"undone: {names[-1]}" if undo else f"done again: {names[0]}"
