"""Every attempt to get around the token, the Host and the Origin check is refused in one line."""

from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from httpx import Response

from avseg.annotate.server import create_app
from avseg.annotate.server.security import BODY_LIMIT
from tests.annotate.server.conftest import ADDRESS, TOKEN


def refused(answer: Response, status: int) -> None:
    assert answer.status_code == status, answer.text
    assert set(answer.json()) == {"error"}
    assert "\n" not in answer.json()["error"]
    assert "set-cookie" not in answer.headers


def test_nothing_is_answered_without_the_token(stranger: TestClient) -> None:
    for path in ("/", "/main.js", "/api/videos", "/api/v/0/frames/0", "/nowhere", "/?token=wrong", "/?token="):
        refused(stranger.get(path), 401)
    refused(stranger.get(f"/api/videos?token={TOKEN}"), 401)  # only accepted in the address of the page
    refused(stranger.get("/api/videos", headers={"x-avseg-token": TOKEN + "x"}), 401)
    refused(stranger.get("/api/videos", headers={"cookie": "avseg-8321=wrong"}), 401)


def test_the_address_gives_a_cookie_that_scripts_and_other_sites_cannot_use(stranger: TestClient) -> None:
    answer = stranger.get(f"/?token={TOKEN}")
    assert answer.status_code == 200
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(f"avseg-8321={TOKEN};")
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert stranger.get("/api/videos").status_code == 200  # by the cookie
    assert "avseg-8321" in stranger.cookies


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:8321", "127.0.0.1.evil.example", "127.0.0.1@evil.example", "10.0.0.7:8321", "",
     "a b", "127.0.0.1:8321/..", "[::1", "localhost:x"],
)  # fmt: skip
def test_a_foreign_host_is_refused(client: TestClient, host: str) -> None:
    refused(client.get("/api/videos", headers={"host": host}), 421)


@pytest.mark.parametrize("host", ["127.0.0.1:8321", "localhost:8321", "[::1]:8321", "LOCALHOST"])
def test_the_loopback_is_served(client: TestClient, host: str) -> None:
    assert client.get("/api/videos", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "https://127.0.0.1:8321", "http://127.0.0.1:9999", "null", "", "file://"]
)
def test_a_foreign_origin_is_refused(client: TestClient, origin: str) -> None:
    refused(client.get("/api/videos", headers={"origin": origin}), 403)
    refused(client.post("/api/v/0/open", headers={"origin": origin}), 403)


def test_the_own_origin_is_served(client: TestClient) -> None:
    assert client.get("/api/videos", headers={"origin": ADDRESS}).status_code == 200


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_picture_tag_on_another_page_gets_nothing(client: TestClient, site: str) -> None:
    refused(client.get("/api/videos", headers={"sec-fetch-site": site, "sec-fetch-mode": "no-cors"}), 403)
    arriving = {"sec-fetch-site": site, "sec-fetch-mode": "navigate"}
    assert client.get("/", headers=arriving).status_code == 200  # a link to the page itself


def test_huge_bodies_are_refused_before_they_are_read(client: TestClient, video: str) -> None:
    refused(client.post(f"{video}/do", content=b"x" * (BODY_LIMIT + 1)), 413)
    refused(client.post(f"{video}/do", headers={"content-length": "9" * 30}), 413)

    read = 0

    def endless() -> Iterator[bytes]:
        nonlocal read
        for _ in range(10_000):
            read += 1
            yield b" " * 2**16

    refused(client.post(f"{video}/do", content=endless(), headers={"content-type": "application/json"}), 413)
    assert client.get("/api/videos").status_code == 200


def test_every_answer_carries_the_headers(client: TestClient, stranger: TestClient) -> None:
    for answer in (client.get("/"), client.get("/main.js"), client.get("/api/videos"), client.get("/api/nothing")):
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    assert client.get("/api/videos").headers["cache-control"] == "no-store"


def test_a_name_given_for_the_network_is_served_and_others_are_not(folder: object) -> None:
    app: FastAPI = create_app(folder, TOKEN, hosts=["studio.lan"])  # type: ignore[arg-type]
    with TestClient(app, base_url="http://studio.lan:8321", headers={"x-avseg-token": TOKEN}) as client:
        assert client.get("/api/videos").status_code == 200
        assert client.get("/api/videos", headers={"host": "192.168.1.5:8321"}).status_code == 200  # cannot be rebound
        refused(client.get("/api/videos", headers={"host": "evil.example"}), 421)


def test_websockets_are_closed(client: TestClient) -> None:
    from starlette.websockets import WebSocketDisconnect

    with pytest.raises(WebSocketDisconnect), client.websocket_connect("/api/videos"):
        pass
