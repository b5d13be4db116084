"""Routes that export and import data sets, inside the project's folder only."""

from dataclasses import asdict

from fastapi import APIRouter
from starlette.responses import JSONResponse

from avseg.annotate.export import FORMATS as EXPORT_FORMATS
from avseg.annotate.export import missing_masks
from avseg.annotate.importing import FORMATS as IMPORT_FORMATS
from avseg.annotate.server import schemas
from avseg.annotate.server.paths import resolve_inside
from avseg.annotate.server.workspace import ClientDep, VideoDep, WorkspaceDep

router = APIRouter()


@router.get("/formats")
async def _formats() -> dict[str, list[str]]:
    return {"out": list(EXPORT_FORMATS), "in": list(IMPORT_FORMATS)}


@router.get("/settings")
async def _settings(workspace: WorkspaceDep) -> JSONResponse:
    return JSONResponse(await workspace.pools.slow(workspace.project.settings))


@router.post("/settings")
async def _save_settings(body: schemas.Settings, workspace: WorkspaceDep) -> dict[str, object]:
    await workspace.pools.slow(lambda: workspace.project.save_settings(body.model_dump()))
    return {}


@router.post("/v/{key}/export")
async def _export(body: schemas.Export, video: VideoDep, workspace: WorkspaceDep) -> JSONResponse:
    root = workspace.project.folder
    # one folder per video and format, so that two exports never collide
    out = resolve_inside(root, f"{body.out}/{body.format}/{video.name.rsplit('.', 1)[0]}")
    overwrite = (out / "provenance.json").is_file()  # only an earlier export is replaced

    def export() -> dict[str, object]:
        path = video.session.export(body.format, out, overwrite=overwrite)
        relative = path.resolve().relative_to(root.resolve()).as_posix()
        return {"path": relative, "gaps": missing_masks(video.document, body.format)}

    return JSONResponse(await workspace.pools.slow(export))


@router.post("/v/{key}/import")
async def _import(body: schemas.Import, video: VideoDep, workspace: WorkspaceDep, client: ClientDep) -> JSONResponse:
    source = resolve_inside(workspace.project.folder, body.source)

    def read() -> dict[str, object]:
        with video.edited_by(client):
            return asdict(video.session.import_(body.format, source))

    return JSONResponse(await workspace.pools.edit(read))
