"""Edits reach the document once, and two tabs do not overwrite changes of each other unseen."""

import errno
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from avseg.annotate.document import rle
from avseg.annotate.document.document import Document
from tests.annotate.server.conftest import FRAMES, HEIGHT, WIDTH

SOUNDS = [{"op": "add_object", "label": "dog"}, {"op": "add_segment", "object": 1, "start": 2, "end": 12}]


def document(app: FastAPI) -> Document:
    result: Document = app.state.workspace.project.open("one.mp4")
    return result


def ask(client: TestClient, address: str, base: int, status: int = 200, **body: Any) -> dict[str, Any]:
    answer = client.post(address, json={**body, "base_version": base})
    assert answer.status_code == status, answer.text
    result: dict[str, Any] = answer.json()
    return result


def square(top: int = 20) -> rle.RLE:
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[top : top + 20, 30:60] = True
    return rle.encode(mask)


def test_operations_undo_and_redo(client: TestClient, video: str, app: FastAPI) -> None:
    content = ask(client, f"{video}/do", 0, ops=SOUNDS)
    assert [row["label"] for row in content["snapshot"]["objects"]] == ["dog"]
    assert content["snapshot"]["segments"][0]["end"] == 12
    version = content["snapshot"]["version"]
    assert version == document(app).version
    undone = ask(client, f"{video}/undo", version, steps=5)  # both were one step
    assert undone["snapshot"]["objects"] == []
    assert len(undone["snapshot"]["history"]["undone"]) == 1
    assert undone["snapshot"]["history"]["position"] == len(undone["snapshot"]["history"]["done"])
    ask(client, f"{video}/redo", undone["snapshot"]["version"])
    assert list(document(app).segments) == [1]


def test_several_operations_are_applied_together_or_not_at_all(client: TestClient, video: str, app: FastAPI) -> None:
    invalid = {"op": "add_segment", "object": 1, "start": 5, "end": 3}
    content = ask(client, f"{video}/do", 0, 400, ops=[*SOUNDS, invalid])
    assert "add_segment" in content["error"]
    assert not document(app).objects


def test_brush_and_the_masks_in_the_response(client: TestClient, video: str, app: FastAPI) -> None:
    base = ask(client, f"{video}/do", 0, ops=SOUNDS)["snapshot"]["version"]
    content = ask(client, f"{video}/brush", base, object=1, frame=5, mask=square())
    assert content["frames"][0]["masks"][0]["rle"] == square() == document(app).rle(1, 5)
    (patch,) = content["snapshot"]["patches"]
    assert patch["frame"] == [5]
    assert patch["source"] == ["brush"]
    assert content["touched"] == [[2, 12]]  # everything that may be stale now


def test_a_click_returns_the_mask_of_the_segmenter(client: TestClient, video: str, app: FastAPI) -> None:
    base = ask(client, f"{video}/do", 0, ops=SOUNDS)["snapshot"]["version"]
    points = [[48.0, 50.0, 1]]
    content = ask(client, f"{video}/click", base, object=1, frame=3, points=points)
    (result,) = content["frames"][0]["masks"]
    assert result["points"] == points
    workspace = app.state.workspace
    image = workspace.project.video("one.mp4").image(3)
    segmenter = workspace.segmenter
    mask = segmenter.predict(segmenter.encode(image), [(48.0, 50.0, True)])[0].mask
    np.testing.assert_array_equal(rle.decode(result["rle"]), mask)


def test_where_the_object_is_silent_nothing_is_marked(client: TestClient, video: str) -> None:
    base = ask(client, f"{video}/do", 0, ops=SOUNDS)["snapshot"]["version"]
    for name, values in (("brush", {"mask": square()}), ("click", {"points": [[48.0, 50.0, 1]]})):
        content = ask(client, f"{video}/{name}", base, 400, object=1, frame=20, **values)
        assert "\n" not in content["error"]


def test_an_edit_based_on_an_old_version_is_refused(client: TestClient, video: str, app: FastAPI) -> None:
    base = ask(client, f"{video}/do", 0, ops=SOUNDS)["snapshot"]["version"]
    ask(client, f"{video}/brush", base, object=1, frame=5, mask=square(10))
    content = ask(client, f"{video}/brush", base, 409, object=1, frame=5, mask=square(30))
    assert content["version"] == document(app).version
    assert document(app).rle(1, 5) == square(10)
    ask(client, f"{video}/brush", base, object=1, frame=6, mask=square(30))  # another frame does not conflict
    ask(client, f"{video}/do", 10**6, 409, ops=[{"op": "accept", "object": 1, "frames": [5]}])


def test_changes_survive_a_restart(client: TestClient, video: str, app: FastAPI, folder: Path) -> None:
    base = ask(client, f"{video}/do", 0, ops=SOUNDS)["snapshot"]["version"]
    ask(client, f"{video}/brush", base, object=1, frame=5, mask=square())
    app.state.workspace.close()
    from avseg.annotate.project import Project

    with Project(folder) as reopened:
        assert reopened.open("one.mp4").rle(1, 5) == square()


def test_time_spent_accumulates_and_is_not_a_step(client: TestClient, video: str, app: FastAPI) -> None:
    ask(client, f"{video}/do", 0, ops=SOUNDS)
    for _ in range(2):
        assert client.post(f"{video}/spend", json={"segment": 1, "seconds": 1.5, "clicks": 2}).status_code == 200
    assert document(app).effort[1].seconds == 3.0
    assert document(app).effort[1].clicks == 4
    assert len(document(app).history) == 1


def test_a_whole_segment_from_one_click_to_the_export(
    client: TestClient, video: str, app: FastAPI, folder: Path
) -> None:
    base = ask(client, f"{video}/do", 0, ops=SOUNDS)["snapshot"]["version"]
    ask(client, f"{video}/brush", base, object=1, frame=5, mask=square(24))
    started = client.post(f"{video}/propagate", json={"segment": 1})
    assert started.json()["total"] == 9
    second = client.post(f"{video}/propagate", json={"segment": 1})
    assert second.status_code in (200, 400)  # running, or done already
    assert app.state.workspace.opened(video.rsplit("/", 1)[1]).session.propagation.wait(60)
    columns = client.get(f"{video}/snapshot").json()["frames"]["1"]
    assert columns["frame"] == list(range(2, 12))
    result = client.get(f"{video}/queue").json()
    assert [row["segment"] for row in result["queue"]] == [1]
    assert 0 <= result["quality"]["1"]["minimum"] <= 1
    for name in ("lu_avs", "coco", "csv"):
        content = client.post(f"{video}/export", json={"format": name})
        assert content.json() == {"path": f"exports/{name}/one", "gaps": ""}
        assert (folder / "exports" / name / "one" / "provenance.json").is_file()
    assert client.post(f"{video}/export", json={"format": "csv"}).status_code == 200  # again
    assert client.post(f"{video}/export", json={"format": "cvs"}).json()["error"].count("csv")


def test_import_is_one_step(client: TestClient, video: str, app: FastAPI, folder: Path) -> None:
    base = ask(client, f"{video}/do", 0, ops=SOUNDS)["snapshot"]["version"]
    content = ask(client, f"{video}/brush", base, object=1, frame=5, mask=square())
    assert client.post(f"{video}/export", json={"format": "lu_avs"}).status_code == 200
    base = ask(client, f"{video}/do", content["snapshot"]["version"], ops=[{"op": "remove_object", "object": 1}])
    body = {"format": "lu_avs", "source": "exports/lu_avs/one", "base_version": base["snapshot"]["version"]}
    assert client.post(f"{video}/import", json=body).status_code == 200
    assert [(row.start, row.end) for row in document(app).segments.values()] == [(2, 12)]
    assert document(app).video.frames == FRAMES


def test_proposals(client: TestClient, video: str) -> None:
    result = client.post(f"{video}/propose", json={"options": {"min_length": 0.1}}).json()["proposals"]
    assert result
    assert all(0 <= row["start"] < row["end"] <= FRAMES for row in result)
    assert "option" in client.post(f"{video}/propose", json={"options": {"minlength": 0.1}}).json()["error"]
    # a page names no files of the server
    assert "audio-branch RUN" in client.post(f"{video}/propose", json={"method": "audio_branch"}).json()["error"]
    assert client.post(f"{video}/propose", json={"method": "/tmp"}).status_code == 422


def test_proposed_classes_become_objects_and_segments_in_one_step(client: TestClient, video: str, app: FastAPI) -> None:
    base = ask(client, f"{video}/do", 0, ops=SOUNDS)["snapshot"]["version"]
    before = len(document(app).segments), [item.label for item in document(app).objects.values()]
    rows = [{"label": "owl", "start": 0, "end": 4}, {"label": "cat", "start": 2, "end": 6}]
    rows += [{"label": "owl", "start": 8, "end": 9}, {"label": "owl", "start": 3, "end": 5}]  # the last one overlaps
    content = ask(client, f"{video}/add_proposals", base, proposals=rows)
    assert len(content["added"]) == 3
    assert [item.label for item in document(app).objects.values()] == [*before[1], "owl", "cat"]
    content = ask(client, f"{video}/undo", content["snapshot"]["version"])
    assert content["said"] == "undone: propose"
    assert (len(document(app).segments), [item.label for item in document(app).objects.values()]) == before
    # all or nothing
    rows[1]["end"] = 10_000
    body = {"proposals": rows, "base_version": content["snapshot"]["version"]}
    refused = client.post(f"{video}/add_proposals", json=body)
    assert refused.status_code == 400
    assert "end is 10000" in refused.json()["error"]
    assert (len(document(app).segments), [item.label for item in document(app).objects.values()]) == before


def test_another_candidate_and_a_preview(client: TestClient, video: str, app: FastAPI) -> None:
    base = ask(client, f"{video}/do", 0, ops=SOUNDS)["snapshot"]["version"]
    spot = {"object": 1, "frame": 4, "x": 48.0, "y": 32.0}
    unknown = client.post(f"{video}/preview", json={**spot, "frame": 20})  # silent there
    assert (unknown.status_code, unknown.json()) == (200, {"mask": None, "slow": False})
    for _ in range(200):  # until the frame is encoded
        shown = client.post(f"{video}/preview", json=spot).json()
        if shown["mask"]:
            break
    assert document(app).version == base
    click = {"put": {"id": "a", "kind": "point", "values": [48.0, 32.0], "positive": 1}}
    content = ask(client, f"{video}/draw", base, object=1, frame=4, actions=[click])
    assert content["frames"][0]["masks"][0]["rle"] == shown["mask"]
    content = ask(client, f"{video}/candidate", content["snapshot"]["version"], object=1, frame=4)
    assert content["note"].startswith("mask 2 of") or "one mask only" in content["note"]
    assert client.post(f"{video}/preview", json={**spot, "x": "1"}).status_code == 422


def test_a_full_disk_is_reported_in_one_line(client: TestClient, app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(app.state.workspace.project, "save_settings", full)
    monkeypatch.setattr("avseg.annotate.server.routes.dataset.assign_splits", full)
    for answer in (client.post("/api/settings", json={}), client.get("/api/board")):
        assert answer.status_code == 400
        assert "cannot be written (No space left on device); free disk space" in answer.json()["error"]
