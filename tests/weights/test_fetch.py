"""`fetch`: every way in which a download goes wrong is one line, and leaves nothing in the cache."""

import dataclasses
import io
import json
import logging
import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import save

from avseg.utils.errors import UserError
from avseg.utils.hashing import file_digest
from avseg.weights.checksums import first_seen
from avseg.weights.fetch import fetch
from avseg.weights.registry import PublishedFile
from tests.weights.conftest import TENSORS
from tests.weights.server import PAGE, Shelf

DRIVE = "drive/0123456789"
BLOCK = 512 * 1024  # in which gdown writes


def content(tensors: dict[str, torch.Tensor] = TENSORS) -> bytes:
    file = io.BytesIO()
    torch.save(tensors, file)
    return file.getvalue()


def left_in(cache: Path) -> list[str]:
    """All files of the cache but the locks."""
    return sorted(
        str(path.relative_to(cache)) for path in cache.rglob("*") if path.is_file() and path.suffix != ".lock"
    )


def failure(record: PublishedFile) -> str:
    with pytest.raises(UserError) as caught:
        fetch(record)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith("small: ")
    return message


def test_a_file_of_google_drive(record: PublishedFile, shelf: Shelf, cache: Path) -> None:
    shelf.files[DRIVE] = content()
    path = fetch(record)
    assert path == cache / "small.pth"
    assert path.read_bytes() == content()
    assert left_in(cache) == ["checksums.json", "small.pth"]
    assert first_seen(record).sha256 == file_digest(path)
    requests = len(shelf.requests)
    assert fetch(record) == path
    assert len(shelf.requests) == requests


def test_a_plain_address(record: PublishedFile, shelf: Shelf, cache: Path) -> None:
    shelf.files["releases/small.pth"] = content()
    fetch(dataclasses.replace(record, source="https://github.com/releases/small.pth"))
    assert left_in(cache) == ["checksums.json", "small.pth"]


def test_a_file_in_a_folder_of_google_drive(record: PublishedFile, shelf: Shelf, cache: Path) -> None:
    listing = "<html><title>weights</title>"
    for identifier, name in (("a" * 30, "AVSS_pvt.pth"), ("b" * 30, "AVSS_res50.pth")):
        listing += f'<a href="https://drive.google.com/file/d/{identifier}/view">{name}</a>'
    shelf.files["folder/0123456789"] = (listing + "</html>").encode()
    shelf.files[f"drive/{'b' * 30}"] = content()
    in_folder = dataclasses.replace(record, source="drive_folder:0123456789", pattern="res")
    assert fetch(in_folder).read_bytes() == content()
    (cache / "small.pth").unlink()
    message = failure(dataclasses.replace(in_folder, pattern="AVSS"))
    assert "AVSS_pvt.pth, AVSS_res50.pth" in message
    assert str(cache / "small.pth") in message


def test_a_connection_that_is_cut_is_continued(record: PublishedFile, shelf: Shelf, cache: Path) -> None:
    shelf.files[DRIVE] = content()
    shelf.cut_after = [1_200_000, 600_000]
    assert fetch(record).read_bytes() == content()
    starts = [request.partition("bytes=")[2] for request in shelf.requests]
    assert starts == ["", f"{2 * BLOCK}-", f"{3 * BLOCK}-"]
    assert left_in(cache) == ["checksums.json", "small.pth"]


def test_a_connection_that_stays_cut_is_continued_by_the_next_call(
    record: PublishedFile, shelf: Shelf, cache: Path
) -> None:
    shelf.files[DRIVE] = content()
    shelf.cut_after = [600_000] * 4
    message = failure(record)
    assert "the same command continues it" in message
    assert "https://drive.google.com/file/d/0123456789/view" in message
    assert str(cache / "small.pth") in message
    assert not (cache / "small.pth").exists()
    (kept,) = left_in(cache)
    assert (cache / kept).stat().st_size == 4 * BLOCK
    assert kept.startswith(".partial/small/")
    assert fetch(record).read_bytes() == content()
    assert shelf.requests[-1].endswith(f"bytes={4 * BLOCK}-")
    assert left_in(cache) == ["checksums.json", "small.pth"]


def test_a_web_page_instead_of_the_file(record: PublishedFile, shelf: Shelf, cache: Path) -> None:
    shelf.files["releases/small.pth"] = PAGE
    message = failure(dataclasses.replace(record, source="https://github.com/releases/small.pth"))
    assert "a web page" in message
    assert str(cache / "small.pth") in message
    assert left_in(cache) == []


def test_the_quota_of_google_drive(record: PublishedFile, shelf: Shelf, cache: Path) -> None:
    message = failure(record)
    assert "in a browser" in message
    assert str(cache / "small.pth") in message
    assert left_in(cache) == []


def test_a_wrong_length(record: PublishedFile, shelf: Shelf, cache: Path) -> None:
    shelf.files[DRIVE] = content()
    message = failure(dataclasses.replace(record, size=7))
    assert f"{len(content())} bytes instead of 7" in message
    assert left_in(cache) == []


def test_a_wrong_checksum(record: PublishedFile, shelf: Shelf, cache: Path) -> None:
    shelf.files[DRIVE] = content()
    assert "SHA-256" in failure(dataclasses.replace(record, sha256="10086976"))
    assert left_in(cache) == []


class _Code:
    def __reduce__(self) -> tuple[object, tuple[str, ...]]:
        return (eval, ("__import__('pathlib').Path('executed').touch()",))


@pytest.mark.parametrize("form", ["torch", "pickle"])
def test_a_pickle_with_code(
    record: PublishedFile, shelf: Shelf, cache: Path, form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shelf.files[DRIVE] = content({"layer.weight": _Code()}) if form == "torch" else pickle.dumps(_Code())  # type: ignore[dict-item]
    assert "so it was not loaded" in failure(record)
    assert not (tmp_path / "executed").exists()
    assert left_in(cache) == []


@pytest.mark.parametrize(
    ("tensors", "told"),
    [
        ({"layer.weight": TENSORS["layer.weight"]}, "1 missing (layer.bias)"),
        (TENSORS | {"head.bias": torch.zeros(3)}, "1 unexpected (head.bias)"),
        (TENSORS | {"layer.bias": torch.zeros(3)}, "layer.bias (3,) instead of (200,)"),
    ],
)
def test_the_weights_of_something_else(
    record: PublishedFile, shelf: Shelf, cache: Path, tensors: dict[str, torch.Tensor], told: str
) -> None:
    shelf.files[DRIVE] = content(tensors)
    assert told in failure(record)
    assert left_in(cache) == []


def test_half_a_file(record: PublishedFile, shelf: Shelf, cache: Path) -> None:
    shelf.files[DRIVE] = content()[:900_000]
    assert "truncated" in failure(record)
    assert left_in(cache) == []


def test_without_a_network(record: PublishedFile, cache: Path) -> None:
    """pytest-socket refuses every connection but to this machine."""
    message = failure(record)
    assert "https://drive.google.com/file/d/0123456789/view" in message
    assert str(cache / "small.pth") in message
    assert left_in(cache) == []


def test_the_hub_without_a_network(record: PublishedFile, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    of_hub = dataclasses.replace(record, source="hf:facebook/small", file="small", hub_files=("config.json",))
    message = failure(of_hub)
    assert "https://huggingface.co/facebook/small" in message
    assert str(cache / "small") in message
    assert left_in(cache) == []


def test_another_file_under_the_same_name_is_warned_about(
    record: PublishedFile, shelf: Shelf, cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shelf.files[DRIVE] = content()
    first = file_digest(fetch(record))
    shelf.files[DRIVE] = content({**TENSORS, "layer.bias": torch.ones(200)})
    with caplog.at_level(logging.WARNING, logger="avseg"):
        fetch(record, again=True)
    (warning,) = [record.message for record in caplog.records if record.levelno == logging.WARNING]
    assert first[:16] in warning
    assert first_seen(record).sha256 == first
    assert (cache / "small.pth").read_bytes() == shelf.files[DRIVE]


def test_a_failed_second_download_leaves_the_first(record: PublishedFile, shelf: Shelf, cache: Path) -> None:
    shelf.files[DRIVE] = content()
    fetch(record)
    shelf.files[DRIVE] = b"something else"
    with pytest.raises(UserError):
        fetch(record, again=True)
    assert (cache / "small.pth").read_bytes() == content()


def test_a_file_that_the_user_put_there_is_checked(record: PublishedFile, cache: Path) -> None:
    cache.mkdir()
    (cache / "small.pth").write_bytes(content())
    assert fetch(record) == cache / "small.pth"
    (cache / "small.pth").write_bytes(content({"other": torch.zeros(2)}))
    assert "unexpected (other)" in failure(record)
    assert (cache / "small.pth").exists()


def test_a_repository_of_the_hub(record: PublishedFile, shelf: Shelf, cache: Path) -> None:
    shelf.files |= {"facebook/small/config.json": b"{}", "facebook/small/model.safetensors": save(TENSORS)}
    shelf.files["facebook/small/pytorch_model.bin"] = b"not fetched"
    names = ("config.json", "model.safetensors")
    of_hub = dataclasses.replace(record, source="hf:facebook/small", file="small", hub_files=names)
    assert fetch(of_hub) == cache / "small"
    assert sorted(path.name for path in (cache / "small").iterdir()) == list(names)
    assert json.loads((cache / "small" / "config.json").read_text()) == {}


def test_a_repository_that_lacks_a_file(record: PublishedFile, shelf: Shelf, cache: Path) -> None:
    shelf.files["facebook/small/config.json"] = b"{}"
    of_hub = dataclasses.replace(record, source="hf:facebook/small", file="small", hub_files=("config.json", "x.bin"))
    assert "x.bin" in failure(of_hub)
    assert not (cache / "small").exists()


def test_a_repository_that_does_not_exist(record: PublishedFile, shelf: Shelf, cache: Path) -> None:
    of_hub = dataclasses.replace(record, source="hf:facebook/none", file="small", hub_files=("config.json",))
    message = failure(of_hub)
    assert "https://huggingface.co/facebook/none" in message
    assert not (cache / "small").exists()
