import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from avseg.annotate.server import create_app
from tests.media.make_video import make_video

TOKEN = "the-token"
ADDRESS = "http://127.0.0.1:8321"
FRAMES, HEIGHT, WIDTH = 30, 64, 96


@pytest.fixture(scope="session")
def one_video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("video") / "one.mp4"
    return make_video(path, frames=FRAMES, size=(HEIGHT, WIDTH), options={"g": "10", "bf": "2"})


@pytest.fixture
def folder(tmp_path: Path, one_video: Path) -> Path:
    folder = tmp_path / "videos"
    folder.mkdir()
    shutil.copy(one_video, folder)
    return folder


@pytest.fixture
def app(folder: Path) -> FastAPI:
    return create_app(folder, TOKEN)


@pytest.fixture
def stranger(app: FastAPI) -> Iterator[TestClient]:
    """Knows the address, not the token."""
    with TestClient(app, base_url=ADDRESS, raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def client(stranger: TestClient) -> TestClient:
    stranger.headers["x-avseg-token"] = TOKEN
    return stranger


@pytest.fixture
def video(client: TestClient) -> str:
    """The address of the open video."""
    (entry,) = client.get("/api/videos").json()["videos"]
    address = f"/api/v/{entry['key']}"
    assert client.post(f"{address}/open").status_code == 200
    return address
