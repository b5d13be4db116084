"""Routes about the whole project: classes, the board of all videos, the merged export, agreement of annotators."""

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import JSONResponse

from avseg.annotate.dataset.classes import (
    PRESETS,
    LabelClass,
    add_classes,
    load_classes,
    make_classes,
    preset_classes,
    save_classes,
)
from avseg.annotate.dataset.project_export import FORMATS, check_project, export_project
from avseg.annotate.dataset.splits import assign_splits, change_splits
from avseg.annotate.dataset.tables import (
    SHARED,
    agreement_rows,
    agreement_table,
    cost_table,
    quality_table,
    summary_line,
)
from avseg.annotate.quality.decisions import quality_line
from avseg.annotate.server import schemas
from avseg.annotate.server.paths import resolve_inside
from avseg.annotate.server.workspace import WorkspaceDep
from avseg.utils.names import printable

router = APIRouter()
Name = Annotated[str, Query(min_length=1, max_length=60)]


@router.get("/classes")
async def _classes(workspace: WorkspaceDep) -> JSONResponse:
    classes = await workspace.pools.slow(lambda: load_classes(workspace.project.folder))
    return JSONResponse({"classes": list(map(asdict, classes)), "presets": PRESETS})


@router.post("/classes")
async def _save_classes(body: schemas.Classes, workspace: WorkspaceDep) -> JSONResponse:
    """Replace the list; a preset is added at its end."""
    folder = workspace.project.folder

    def save() -> list[LabelClass]:
        if body.preset:
            if not load_classes(folder):
                save_classes(folder, preset_classes(body.preset))
            return add_classes(folder, [item.name for item in preset_classes(body.preset)])
        default = make_classes(item.name for item in body.classes)
        classes = []
        for item, fallback in zip(body.classes, default, strict=True):
            classes.append(LabelClass(item.name, item.colour or fallback.colour))
        save_classes(folder, classes)
        return load_classes(folder)  # as they are read

    classes = await workspace.pools.slow(save)
    return JSONResponse({"classes": list(map(asdict, classes)), "presets": PRESETS})


@router.get("/board")
async def _board(workspace: WorkspaceDep) -> JSONResponse:
    project = workspace.project

    def read() -> dict[str, object]:
        names = project.names()
        splits = assign_splits(project.folder, names)
        return {
            "splits": {printable(name): splits[name] for name in names},
            "cost": cost_table(project),
            "annotators": [SHARED, *project.annotators()],
        }

    return JSONResponse(await workspace.pools.slow(read))


@router.post("/splits")
async def _save_splits(body: schemas.Splits, workspace: WorkspaceDep) -> dict[str, object]:
    folder = workspace.project.folder
    await workspace.pools.slow(lambda: change_splits(folder, body.splits))
    return {}


@router.get("/quality")
async def _quality(workspace: WorkspaceDep) -> JSONResponse:
    rows = await workspace.pools.slow(lambda: quality_table(workspace.project))
    return JSONResponse({"rows": rows, "summary": quality_line(rows)})


@router.get("/agreement")
async def _agreement(workspace: WorkspaceDep, first: Name, second: Name) -> JSONResponse:
    rows = await workspace.pools.slow(lambda: agreement_table(workspace.project, first, second))
    return JSONResponse({"rows": agreement_rows(rows), "summary": summary_line(rows)})


@router.get("/export")
async def _check(workspace: WorkspaceDep, format: Name) -> JSONResponse:
    """Name what is missing or stale in each video, before an export."""
    checks = await workspace.pools.slow(lambda: check_project(workspace.project, format))
    rows = [{**asdict(check), "name": printable(check.name)} for check in checks]
    return JSONResponse({"videos": rows, "formats": FORMATS})


@router.post("/export")
async def _export(body: schemas.ProjectExport, workspace: WorkspaceDep) -> JSONResponse:
    project = workspace.project
    out = resolve_inside(project.folder, f"{body.out}/{body.format}")

    def export() -> dict[str, object]:
        overwrite = (out / "provenance.json").is_file()  # only an earlier export is replaced
        result = export_project(
            project, body.format, out, setting=body.setting, pictures=body.pictures, overwrite=overwrite
        )
        relative = out.resolve().relative_to(project.folder).as_posix()
        videos = {split: list(map(printable, names)) for split, names in result.videos.items()}
        left_out = {printable(name): reason for name, reason in result.left_out.items()}
        return {"path": relative, "videos": videos, "left_out": left_out}

    return JSONResponse(await workspace.pools.slow(export))
