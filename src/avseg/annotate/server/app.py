"""Build the application: security middleware, the page's files, and the routes by purpose."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse

from avseg.annotate.project import Project
from avseg.annotate.server.errors import add_handlers
from avseg.annotate.server.routes import dataset, edit, files, models, read
from avseg.annotate.server.security import SecurityMiddleware
from avseg.annotate.server.stopping import StoppingMiddleware
from avseg.annotate.server.workspace import Workspace

PAGE = Path(__file__).resolve().parents[1] / "page"
_MEDIA_TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}


def create_app(
    project: Project | Path | str,
    token: str,
    backend: str = "default",  # draws masks from points, and propagates them if it can
    propagator: str | None = None,  # propagates masks; None for `backend`
    hosts: Iterable[str] = (),  # further names of the server; those of the loopback are always allowed
    audio_branch: Path | None = None,  # a run or a checkpoint that names the classes it hears
    **options: Any,  # of the backends
) -> FastAPI:
    """Build the application; every request must carry the token.

    Raises:
        UserError: the folder is missing, or the backend is unknown.
    """
    project = project if isinstance(project, Project) else Project(Path(project))
    workspace = Workspace(project, backend, propagator or backend, options, audio_branch)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        workspace.close()

    # no documentation pages: they load scripts from elsewhere
    app = FastAPI(title="avseg annotate", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    app.state.workspace = workspace
    add_handlers(app)
    for routes in (read, edit, models, files, dataset):
        app.include_router(routes.router, prefix="/api")
    _add_page(app)
    # outermost: nothing else sees a request before it
    app.add_middleware(SecurityMiddleware, token=token, hosts=tuple(hosts))
    app.add_middleware(StoppingMiddleware)
    return app


def _add_page(app: FastAPI) -> None:
    page_files = {path.name: path for path in PAGE.iterdir() if path.suffix in _MEDIA_TYPES}

    @app.get("/")
    async def _index() -> FileResponse:
        return FileResponse(PAGE / "index.html", media_type="text/html", headers={"cache-control": "no-store"})

    @app.get("/{name}")
    async def _page_file(name: str) -> FileResponse:
        # only names listed at startup: no path of a request ever reaches the file system
        if name not in page_files:
            raise HTTPException(404, "not found")
        path = page_files[name]
        return FileResponse(path, media_type=_MEDIA_TYPES[path.suffix], headers={"cache-control": "no-cache"})
