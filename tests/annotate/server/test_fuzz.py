"""Any JSON is answered or refused in one line, and the server keeps running."""

import json
from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

ROUTES = ("do", "undo", "redo", "click", "box", "brush", "refine", "spend", "propagate", "cancel", "look", "propose",
          "export", "import", "open")  # fmt: skip
WORDS = st.sampled_from(
    ["op", "ops", "base_version", "object", "frame", "frames", "points", "box", "mask", "size", "counts", "segment",
     "start", "end", "add_object", "add_segment", "set_mask", "label", "dog", "source", "hand", "accept", "steps",
     "format", "out"]
)  # fmt: skip
NUMBERS = st.one_of(
    st.integers(-3, 40), st.sampled_from([2**31, -(2**63), 10**400, 1e308]), st.floats(allow_nan=True, width=32)
)
LEAVES = st.one_of(st.none(), st.booleans(), NUMBERS, WORDS, st.text(max_size=8))
JSON = st.recursive(
    LEAVES,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(WORDS, inner, max_size=5)),
    max_leaves=12,
)
FUZZ = settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True
)


def check(client: TestClient, address: str, content: bytes) -> None:
    answer = client.post(address, content=content, headers={"content-type": "application/json"})
    assert answer.status_code < 500, (address, content, answer.text)
    if answer.status_code != 200:
        content = answer.json()
        assert set(content) <= {"error", "version"}, content
        assert content["error"]
        assert "\n" not in content["error"]


def test_any_json(client: TestClient, video: str) -> None:
    @FUZZ
    @given(route=st.sampled_from(ROUTES), body=JSON)
    def fuzz(route: str, body: Any) -> None:
        check(client, f"{video}/{route}", json.dumps(body).encode())

    fuzz()
    assert client.get(f"{video}/snapshot").status_code == 200


def test_nearly_right_operations(client: TestClient, video: str) -> None:
    names = st.sampled_from(
        ["add_object", "edit_object", "add_segment", "edit_segment", "split_segment", "merge_segments", "move_segment",
         "set_prompts", "set_mask", "clear_mask", "set_results", "accept", "set_status", "spend", "undo",
         "redo", "none"]
    )  # fmt: skip
    ops = st.builds(lambda name, values: {**values, "op": name}, names, st.dictionaries(WORDS, JSON, max_size=5))

    @FUZZ
    @given(ops=st.lists(ops, max_size=3), base=st.one_of(st.just(0), JSON))
    def fuzz(ops: list[Any], base: Any) -> None:
        check(client, f"{video}/do", json.dumps({"ops": ops, "base_version": base}).encode())

    fuzz()
    assert client.get(f"{video}/snapshot").status_code == 200


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"nul", b"\xff\xfe", b"[" * 100_000, b'{"a":' * 50_000, b'"\\ud800"', b'{"ops": [{"op": "\\ud800"}]}',
     b'{"ops": [{"op": "add_object", "label": "\\ud800"}], "base_version": 0}', b"1" * 10_000, b"NaN",
     b'{"segment": 1, "seconds": Infinity, "clicks": 0}', b'{"format": "\\ud800", "out": "\\udfff"}',
     b'{"format": "csv", "out": "' + b"a/" * 5_000 + b'"}', b'{"format": "csv", "out": "' + b"a" * 390 + b'"}'],
)  # fmt: skip
def test_broken_json(client: TestClient, video: str, content: bytes) -> None:
    for route in ("do", "spend", "export", "brush"):
        check(client, f"{video}/{route}", content)
    assert client.get(f"{video}/snapshot").status_code == 200


def test_run_lengths_that_lie(client: TestClient, video: str) -> None:
    ops = [{"op": "add_object", "label": "dog"}, {"op": "add_segment", "object": 1, "start": 0, "end": 9}]
    client.post(f"{video}/do", json={"ops": ops, "base_version": 0})
    for size, counts in (
        ([64, 96], "ZZZZ"),
        ([64, 96], "0000~~"),
        ([9999, 9999], "0"),
        ([64, 96], "\x7f"),
        ([64, 96], ""),
    ):
        mask = {"size": size, "counts": counts}
        answer = client.post(f"{video}/brush", json={"object": 1, "frame": 3, "mask": mask, "base_version": 1})
        assert answer.status_code in (400, 409, 422), answer.text
    assert client.get(f"{video}/masks?start=0&end=9").status_code == 200
