"""No path leads out of the project's folder, neither by `..` nor by links or unusual names."""

from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from avseg.annotate.server.paths import resolve_inside
from avseg.utils.errors import UserError


@pytest.mark.parametrize(
    "text",
    ["..", "../out", "a/../../out", "/etc", "/", "", ".", ".avseg", "a/.git/b", "a\\..\\b", "a\0b", "a\nb", "link",
     "link/deeper", "loop", "a" * 250, "a/" * 50],
)  # fmt: skip
def test_paths_that_lead_out_are_refused(tmp_path: Path, text: str) -> None:
    root = tmp_path / "project"
    root.mkdir()
    (root / "link").symlink_to(tmp_path)
    (root / "loop").symlink_to(root / "loop")
    with pytest.raises(UserError) as refusal:
        resolve_inside(root, text)
    assert "\n" not in str(refusal.value)


def test_paths_inside_are_resolved(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert resolve_inside(tmp_path, "a/b c/ü") == tmp_path.resolve() / "a/b c/ü"
    assert resolve_inside(tmp_path, "link/x") == tmp_path.resolve() / "real/x"


def test_exports_and_imports_stay_inside(client: TestClient, video: str, folder: Path) -> None:
    outside = folder.parent
    files = sorted(outside.rglob("*"))
    for target in ("../out", str(outside / "out"), "a/../../out", ".avseg/one.mp4"):
        answer = client.post(f"{video}/export", json={"format": "csv", "out": target})
        assert answer.status_code == 400, target
        answer = client.post(f"{video}/import", json={"format": "lu_avs", "source": target, "base_version": 0})
        assert answer.status_code == 400, target
    assert sorted(outside.rglob("*")) == files


def test_links_out_of_the_folder_are_not_listed(client: TestClient, folder: Path, one_video: Path) -> None:
    (folder / "leads_out.mp4").symlink_to(one_video)
    (folder / "passwd.mp4").symlink_to("/etc/passwd")
    assert [row["name"] for row in client.get("/api/videos").json()["videos"]] == ["one.mp4"]


@pytest.mark.parametrize(
    "path",
    ["/..%2f..%2fetc%2fpasswd", "/%2e%2e/%2e%2e/etc/passwd", "/server/security.py", "/%2e%2e%2fserver",
     "/api/v/..%2f..%2fx/snapshot", "/style.css%00", "/favicon.ico", "/docs", "/openapi.json"],
)  # fmt: skip
def test_only_the_files_of_the_page_are_served(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code in (404, 405)
    assert set(answer.json()) == {"error"}


def test_an_export_never_replaces_what_it_did_not_write(client: TestClient, video: str, folder: Path) -> None:
    mine = folder / "exports" / "csv" / "one"
    mine.mkdir(parents=True)
    (mine / "precious.txt").write_text("mine")
    ops = [{"op": "add_object", "label": "dog"}, {"op": "add_segment", "object": 1, "start": 2, "end": 12}]
    client.post(f"{video}/do", json={"ops": ops, "base_version": 0})
    assert client.post(f"{video}/export", json={"format": "csv"}).status_code == 400
    assert (mine / "precious.txt").read_text() == "mine"
