"""What the page asks for is done in the document, once, and two tabs do not undo each other's work unseen."""

from pathlib import Path
from typing import Any

import numpy as np
from fastapi import FastAPI
from fastapi.testclient import TestClient

from avseg.annotate.document import rle
from avseg.annotate.document.document import Document
from tests.annotate.server.conftest import FRAMES, HEIGHT, WIDTH

SOUNDS = [{"op": "add_object", "label": "dog"}, {"op": "add_segment", "object": 1, "start": 2, "end": 12}]


def document(app: FastAPI) -> Document:
    found: Document = app.state.workspace.project.open("one.mp4")
    return found


def ask(client: TestClient, address: str, base: int, status: int = 200, **body: Any) -> dict[str, Any]:
    answer = client.post(address, json={**body, "base_version": base})
    assert answer.status_code == status, answer.text
    found: dict[str, Any] = answer.json()
    return found


def square(top: int = 20) -> rle.RLE:
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[top : top + 20, 30:60] = True
    return rle.encode(mask)


def test_operations_undo_and_redo(client: TestClient, video: str, app: FastAPI) -> None:
    said = ask(client, f"{video}/do", 0, ops=SOUNDS)
    assert [one["label"] for one in said["snapshot"]["objects"]] == ["dog"]
    assert said["snapshot"]["segments"][0]["end"] == 12
    version = said["snapshot"]["version"]
    assert version == document(app).version
    undone = ask(client, f"{video}/undo", version, steps=5)  # both came as one step
    assert undone["snapshot"]["objects"] == []
    assert len(undone["snapshot"]["history"]["undone"]) == 1
    ask(client, f"{video}/redo", undone["snapshot"]["version"])
    assert list(document(app).segments) == [1]


def test_all_of_several_operations_or_none(client: TestClient, video: str, app: FastAPI) -> None:
    wrong = {"op": "add_segment", "object": 1, "start": 5, "end": 3}
    said = ask(client, f"{video}/do", 0, 400, ops=[*SOUNDS, wrong])
    assert "add_segment" in said["error"]
    assert not document(app).objects


def test_brush_and_the_masks_in_the_answer(client: TestClient, video: str, app: FastAPI) -> None:
    base = ask(client, f"{video}/do", 0, ops=SOUNDS)["snapshot"]["version"]
    said = ask(client, f"{video}/brush", base, object=1, frame=5, mask=square())
    assert said["frames"][0]["masks"][0]["rle"] == square() == document(app).rle(1, 5)
    (patch,) = said["snapshot"]["patches"]
    assert patch["frame"] == [5]
    assert patch["source"] == ["brush"]
    assert said["touched"] == [[2, 12]]  # whatever may be stale now


def test_a_click_gives_the_mask_of_the_segmenter(client: TestClient, video: str, app: FastAPI) -> None:
    base = ask(client, f"{video}/do", 0, ops=SOUNDS)["snapshot"]["version"]
    points = [[48.0, 50.0, 1]]
    said = ask(client, f"{video}/click", base, object=1, frame=3, points=points)
    (found,) = said["frames"][0]["masks"]
    assert found["points"] == points
    workspace = app.state.workspace
    picture = workspace.project.video("one.mp4").image(3)
    segmenter = workspace.segmenter
    mask = segmenter.predict(segmenter.encode(picture), [(48.0, 50.0, True)])[0].mask
    np.testing.assert_array_equal(rle.decode(found["rle"]), mask)


def test_where_the_object_is_silent_nothing_is_marked(client: TestClient, video: str) -> None:
    base = ask(client, f"{video}/do", 0, ops=SOUNDS)["snapshot"]["version"]
    for name, more in (("brush", {"mask": square()}), ("click", {"points": [[48.0, 50.0, 1]]})):
        said = ask(client, f"{video}/{name}", base, 400, object=1, frame=20, **more)
        assert "\n" not in said["error"]


def test_a_tab_that_does_not_know_of_a_change_is_refused(client: TestClient, video: str, app: FastAPI) -> None:
    base = ask(client, f"{video}/do", 0, ops=SOUNDS)["snapshot"]["version"]
    ask(client, f"{video}/brush", base, object=1, frame=5, mask=square(10))
    said = ask(client, f"{video}/brush", base, 409, object=1, frame=5, mask=square(30))
    assert said["version"] == document(app).version
    assert document(app).rle(1, 5) == square(10)
    ask(client, f"{video}/brush", base, object=1, frame=6, mask=square(30))  # another frame: no harm
    ask(client, f"{video}/do", 10**6, 409, ops=[{"op": "accept", "object": 1, "frames": [5]}])


def test_changes_survive_a_restart(client: TestClient, video: str, app: FastAPI, folder: Path) -> None:
    base = ask(client, f"{video}/do", 0, ops=SOUNDS)["snapshot"]["version"]
    ask(client, f"{video}/brush", base, object=1, frame=5, mask=square())
    app.state.workspace.close()
    from avseg.annotate.project import Project

    with Project(folder) as again:
        assert again.open("one.mp4").rle(1, 5) == square()


def test_time_spent_is_added_up_and_is_no_step(client: TestClient, video: str, app: FastAPI) -> None:
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
    again = client.post(f"{video}/propagate", json={"segment": 1})
    assert again.status_code in (200, 400)  # running, or done already
    assert app.state.workspace.opened(video.rsplit("/", 1)[1]).session.propagation.wait(60)
    columns = client.get(f"{video}/snapshot").json()["frames"]["1"]
    assert columns["frame"] == list(range(2, 12))
    found = client.get(f"{video}/queue").json()
    assert [row["segment"] for row in found["queue"]] == [1]
    assert 0 <= found["quality"]["1"]["minimum"] <= 1
    for name in ("lu_avs", "coco", "csv"):
        said = client.post(f"{video}/export", json={"format": name})
        assert said.json() == {"path": f"exports/{name}/one", "gaps": ""}
        assert (folder / "exports" / name / "one" / "provenance.json").is_file()
    assert client.post(f"{video}/export", json={"format": "csv"}).status_code == 200  # again
    assert client.post(f"{video}/export", json={"format": "cvs"}).json()["error"].count("csv")


def test_import_is_one_step(client: TestClient, video: str, app: FastAPI, folder: Path) -> None:
    base = ask(client, f"{video}/do", 0, ops=SOUNDS)["snapshot"]["version"]
    said = ask(client, f"{video}/brush", base, object=1, frame=5, mask=square())
    assert client.post(f"{video}/export", json={"format": "lu_avs"}).status_code == 200
    base = ask(client, f"{video}/do", said["snapshot"]["version"], ops=[{"op": "remove_object", "object": 1}])
    body = {"format": "lu_avs", "source": "exports/lu_avs/one", "base_version": base["snapshot"]["version"]}
    assert client.post(f"{video}/import", json=body).status_code == 200
    assert [(one.start, one.end) for one in document(app).segments.values()] == [(2, 12)]
    assert document(app).video.frames == FRAMES


def test_proposals(client: TestClient, video: str) -> None:
    found = client.post(f"{video}/propose", json={"options": {"min_length": 0.1}}).json()["proposals"]
    assert found
    assert all(0 <= one["start"] < one["end"] <= FRAMES for one in found)
    assert "option" in client.post(f"{video}/propose", json={"options": {"minlength": 0.1}}).json()["error"]
