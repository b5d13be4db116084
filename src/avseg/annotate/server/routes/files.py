"""Routes that write and read other programs' files, inside the project's folder only."""

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter

from avseg.annotate.export import gaps
from avseg.annotate.server import schemas
from avseg.annotate.server.paths import inside
from avseg.annotate.server.workspace import Client, StudioOf, Video

router = APIRouter()


@router.get("/formats")
async def _formats(studio: StudioOf) -> dict[str, list[str]]:
    """What can be written and read."""

    def names() -> dict[str, list[str]]:
        # readers bring the data modules with them, for which the page need not wait
        from avseg.annotate.export import FORMATS as WRITTEN
        from avseg.annotate.importing import FORMATS as READ

        return {"out": list(WRITTEN), "in": list(READ)}

    return await studio.workers.slow(names)


@router.post("/v/{key}/export")
async def _export(body: schemas.Export, opened: Video, studio: StudioOf) -> dict[str, Any]:
    root = studio.project.folder
    # one folder for each video and format: two exports never meet
    out = inside(root, f"{body.out}/{body.format}/{opened.name.rsplit('.', 1)[0]}")
    ours = (out / "provenance.json").is_file()  # only what was exported before gives way
    path = await studio.workers.slow(lambda: opened.session.export(body.format, out, overwrite=ours))
    return {
        "path": path.resolve().relative_to(root.resolve()).as_posix(),
        "gaps": await studio.workers.slow(lambda: gaps(opened.document, body.format)),
    }


@router.post("/v/{key}/import")
async def _import(body: schemas.Import, opened: Video, studio: StudioOf, client: Client) -> dict[str, Any]:
    source = inside(studio.project.folder, body.source)

    def take() -> dict[str, Any]:
        with opened.acting(client):
            return asdict(opened.session.import_(body.format, source))

    return await studio.workers.edit(take)
