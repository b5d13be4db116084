"""A cache of its own, and a server in place of Google Drive, the web and the Hugging Face Hub."""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import torch

from avseg.weights.registry import KeyList, PublishedFile, published
from tests.weights.server import Server, Shelf

# 3.2 MB: gdown keeps what it received in blocks of half a MiB
TENSORS = {"layer.weight": torch.arange(800_000.0).view(200, 4000), "layer.bias": torch.zeros(200)}


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("AVSEG_CACHE", str(folder))
    return folder


@pytest.fixture
def shelf(cache: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shelf]:
    """Every request to Google Drive, GitHub or the Hub reaches this server; no pauses between attempts."""
    original = requests.Session.get

    def redirected(session: requests.Session, url: str, **options: Any) -> requests.Response:
        return original(session, re.sub(r"https://[^/]*(google|github)[^/]*", shelf.address, url), **options)

    import gdown  # noqa: F401

    with Server() as shelf:
        monkeypatch.setattr(requests.Session, "get", redirected)
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", shelf.address)
        template = shelf.address + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr("huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)
        monkeypatch.setattr(sys.modules["gdown.download"], "_wait_or_cancel", lambda **_: None)
        yield shelf


@pytest.fixture
def record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PublishedFile:
    """A small file on Google Drive with two tensors, in the registry for this test."""
    shapes = {name: list(tensor.shape) for name, tensor in TENSORS.items()}
    (tmp_path / "keys.json").write_text(json.dumps({"all": shapes}))
    record = PublishedFile(
        name="small",
        title="a small network",
        source="drive:0123456789",
        page="https://github.com/authors/small",
        licence="MIT",
        file="small.pth",
        megabytes=1,
        key_list=KeyList("keys.json", ("all",)),
        origin=tmp_path,
    )
    monkeypatch.setitem(published(), "small", record)  # type: ignore[arg-type]
    return record
