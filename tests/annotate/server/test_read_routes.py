"""The page receives the content of the video and of the document."""

import io
import os
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from avseg.annotate.document import rle
from avseg.annotate.media.sound import Sound
from avseg.annotate.media.video import open_reader
from tests.annotate.server.conftest import FRAMES, HEIGHT, WIDTH
from tests.media.make_video import read_number


def test_the_list_of_videos_and_the_response_of_open(client: TestClient, folder: Path) -> None:
    (folder / "broken.mp4").write_bytes(b"this is no video")
    (folder / "notes.txt").write_text("nor this")
    listed = client.get("/api/videos").json()
    assert [row["name"] for row in listed["videos"]] == ["broken.mp4", "one.mp4"]
    assert [row["status"] for row in listed["videos"]] == ["broken", "new"]
    formats = client.get("/api/formats").json()
    assert "lu_avs" in formats["out"]
    assert "lu_avs" in formats["in"]
    content = client.post(f"/api/v/{listed['videos'][1]['key']}/open").json()
    assert content["film"].items() >= {"frames": FRAMES, "height": HEIGHT, "width": WIDTH, "has_sound": True}.items()
    answer = client.post(f"/api/v/{listed['videos'][0]['key']}/open")
    assert answer.status_code == 400
    assert "broken.mp4" in answer.json()["error"]


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (os.fsdecode(b"clip\xff\xfe.mp4"), "clip\\udcff\\udcfe.mp4"),
        ("two\nlines: [x] %03d.mp4", "two\\nlines: [x] %03d.mp4"),
        ("pipe:0.001", "pipe:0.001"),
        ("x" * 251 + ".mp4", "x" * 251 + ".mp4"),
    ],
)
def test_a_video_of_any_name_is_listed_and_opened(client: TestClient, folder: Path, name: str, shown: str) -> None:
    (folder / "one.mp4").rename(folder / name)
    (entry,) = client.get("/api/videos").json()["videos"]
    assert (entry["name"], entry["status"]) == (shown, "new")
    address = f"/api/v/{entry['key']}"
    answer = client.post(f"{address}/open")
    assert (answer.status_code, answer.json()["name"]) == (200, shown)
    assert client.get(f"{address}/frames/3").status_code == 200
    assert client.get(f"{address}/peaks", params={"start": 0, "end": 1, "columns": 4}).status_code == 200
    assert client.get(f"{address}/sound.wav").status_code == 200
    assert client.get(f"{address}/snapshot").status_code == 200


def test_every_frame_is_the_requested_one(client: TestClient, video: str) -> None:
    for number in (0, 29, 7, 8, 13, 0):
        answer = client.get(f"{video}/frames/{number}")
        assert answer.headers["content-type"] == "image/jpeg"
        assert read_number(np.asarray(Image.open(io.BytesIO(answer.content)))) == number


def test_a_cached_frame_is_not_sent_again(client: TestClient, video: str) -> None:
    first = client.get(f"{video}/frames/3")
    second = client.get(f"{video}/frames/3", headers={"if-none-match": first.headers["etag"]})
    assert second.status_code == 304
    assert second.content == b""
    other = client.get(f"{video}/frames/4", headers={"if-none-match": first.headers["etag"]})
    assert other.status_code == 200


@pytest.mark.parametrize("path", ["frames/30", "frames/-1", "masks?start=-1&end=2", "masks?start=30&end=31"])
def test_frames_that_do_not_exist(client: TestClient, video: str, path: str) -> None:
    assert client.get(f"{video}/{path}").status_code == 404


@pytest.mark.parametrize(
    "path",
    ["frames/x", "frames/1e3", "masks?start=5&end=5", "masks?start=0&end=31", "masks",
     "peaks?start=0&end=nan&columns=5", "peaks?start=1&end=0&columns=5", "peaks?start=0&end=1&columns=100000000",
     "spectrogram?start=0&end=inf&columns=5",
     "spectrogram?start=0&end=1&columns=5&rows=99999"],
)  # fmt: skip
def test_invalid_queries(client: TestClient, video: str, path: str) -> None:
    answer = client.get(f"{video}/{path}")
    assert answer.status_code in (400, 422)
    assert set(answer.json()) == {"error"}


def test_times_waveform_and_spectrogram(client: TestClient, video: str, folder: Path) -> None:
    film, sound = open_reader(folder / "one.mp4"), Sound(folder / "one.mp4")
    times = np.frombuffer(client.get(f"{video}/times").content, "<f8")
    np.testing.assert_array_equal(times, [*film.times, film.duration])
    peaks = np.frombuffer(client.get(f"{video}/peaks?start=0.2&end=0.9&columns=50").content, "<f4").reshape(-1, 2)
    np.testing.assert_array_equal(peaks, sound.peaks(0.2, 0.9, 50))
    assert np.abs(peaks).max() > 0.3
    shades = np.frombuffer(client.get(f"{video}/spectrogram?start=0&end=1&columns=40&rows=32").content, np.uint8)
    assert shades.size == 40 * 32
    # the tone of 440 Hz is in the lower third; the first row is the highest pitch
    assert shades.reshape(32, 40)[:, 20].argmax() > 16


def test_sound_in_ranges(client: TestClient, video: str, folder: Path) -> None:
    full = Sound(folder / "one.mp4").wav().read_bytes()
    answer = client.get(f"{video}/sound.wav", headers={"range": "bytes=100-199"})
    assert answer.status_code == 206
    assert answer.content == full[100:200]
    assert answer.headers["content-range"] == f"bytes 100-199/{len(full)}"
    assert client.get(f"{video}/sound.wav", headers={"range": f"bytes={len(full)}-"}).status_code == 416


def test_masks_are_those_of_the_document(client: TestClient, video: str) -> None:
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[10:30, 20:50] = True
    ops = [
        {"op": "add_object", "label": "dog"},
        {"op": "add_segment", "object": 1, "start": 2, "end": 9},
        {"op": "set_mask", "object": 1, "frame": 4, "mask": rle.encode(mask), "source": "hand"},
    ]
    assert client.post(f"{video}/do", json={"ops": ops, "base_version": 0}).status_code == 200
    frames = client.get(f"{video}/masks?start=3&end=6").json()["frames"]
    assert [frame["frame"] for frame in frames] == [3, 4, 5]
    assert [len(frame["masks"]) for frame in frames] == [0, 1, 0]
    (result,) = frames[1]["masks"]
    np.testing.assert_array_equal(rle.decode(result["rle"]), mask)
    assert result["by_hand"]


def test_a_video_that_is_not_open_is_refused(client: TestClient) -> None:
    (entry,) = client.get("/api/videos").json()["videos"]
    assert client.get(f"/api/v/{entry['key']}/snapshot").status_code == 409
    assert client.get("/api/v/0123456789abcdef/snapshot").status_code == 404
