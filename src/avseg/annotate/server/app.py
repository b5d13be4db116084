"""Builds the application: guard, page, and the routes by what they are about."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse

from avseg.annotate.project import Project
from avseg.annotate.server.errors import add_handlers
from avseg.annotate.server.routes import edit, files, models, read
from avseg.annotate.server.security import Guard
from avseg.annotate.server.workspace import Studio

PAGE = Path(__file__).resolve().parents[1] / "page"
_TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}


def build(
    project: Project | Path | str,
    token: str,
    backend: str,
    propagator: str | None,
    hosts: Iterable[str],
    options: dict[str, Any],
) -> FastAPI:
    """See `avseg.annotate.server.create_app`."""
    project = project if isinstance(project, Project) else Project(Path(project))
    studio = Studio(project, backend, propagator or backend, options)

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        yield
        studio.close()

    app = FastAPI(title="avseg annotate", lifespan=life, docs_url=None, redoc_url=None, openapi_url=None)
    app.state.studio = studio
    add_handlers(app)
    for module in (read, edit, models, files):
        app.include_router(module.router, prefix="/api")
    page_files = {path.name: path for path in PAGE.iterdir() if path.suffix in _TYPES}

    @app.get("/")
    async def _index() -> FileResponse:
        return FileResponse(PAGE / "index.html", media_type="text/html", headers={"cache-control": "no-store"})

    @app.get("/{name}")
    async def _file(name: str) -> FileResponse:
        if name not in page_files:
            raise HTTPException(404, "there is nothing here")
        kind = _TYPES[page_files[name].suffix]
        return FileResponse(page_files[name], media_type=kind, headers={"cache-control": "no-cache"})

    app.add_middleware(Guard, token=token, hosts=tuple(hosts))
    return app
