from pathlib import Path

import pytest

from avseg.annotate.backends import PROPAGATORS, SEGMENTERS
from avseg.annotate.backends.offers import OFFERS, automatic_weights, describe_backends
from avseg.weights.registry import published


def fetch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / published()[name].file).touch()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AVSEG_CACHE", str(tmp_path))
    return tmp_path


def test_every_offer_can_be_built_and_all_with_weights_are_published() -> None:
    for offer in OFFERS:
        assert offer.name in (SEGMENTERS if offer.draws else PROPAGATORS)
        assert offer.name in published() or offer.name in ("light", "flow", "isnet")


def test_fetched_weights_are_used_by_themselves_on_a_gpu_only(cache: Path) -> None:
    assert automatic_weights(lambda: True) == {}
    fetch(cache, "sam", "xmem")
    assert automatic_weights(lambda: True) == {"sam": "sam", "xmem": "xmem"}
    assert automatic_weights(lambda: False) == {}
    fetch(cache, "sam2")
    assert automatic_weights(lambda: True) == {"sam2": "sam2", "xmem": "xmem"}


def test_nothing_looks_for_a_gpu_without_fetched_weights(cache: Path) -> None:
    def refuse() -> bool:
        raise AssertionError

    assert automatic_weights(refuse) == {}


def test_the_page_gets_what_is_used_and_the_command_for_the_rest(cache: Path) -> None:
    fetch(cache, "xmem")
    rows = describe_backends("light", "light")
    assert [row["name"] for row in rows if row["state"] == "in use"] == ["light", "light"]
    by_name = {row["name"]: row for row in rows}
    assert by_name["xmem"]["state"] == "ready"
    assert by_name["sam2"]["command"] == "avseg weights fetch sam2"


def test_the_file_of_isnet_is_used_where_users_put_it(cache: Path) -> None:
    row = next(row for row in describe_backends("light", "light") if row["name"] == "isnet")
    assert row["command"] == f"put its ONNX file at {cache / 'isnet.onnx'}"
    (cache / "isnet.onnx").touch()
    assert automatic_weights(lambda: False) == {"isnet": str(cache / "isnet.onnx")}
    row = next(row for row in describe_backends("light", "light") if row["name"] == "isnet")
    assert row["state"] == "ready"
    fetch(cache, "sam2")
    assert automatic_weights(lambda: True) == {"sam2": "sam2"}
    assert automatic_weights(lambda: False) == {"isnet": str(cache / "isnet.onnx")}
