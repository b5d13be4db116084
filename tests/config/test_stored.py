"""A composition is stored once, and composed again whenever anything that it depends on has changed."""

from pathlib import Path
from typing import Any

import pytest

from avseg.config import compose, stored
from avseg.config.compose import compose_plain, compose_train
from avseg.utils.errors import UserError

OVERRIDES = ["recipe=toy", "data=toy_ms3", "optimizer.lr=3e-4", "init=single_source", "init.source=[data=toy_s4]"]


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """An empty cache, and the names of the compositions that Hydra makes."""
    monkeypatch.setenv("AVSEG_CACHE", str(tmp_path / "cache"))
    made: list[str] = []
    original = compose.hydra_compose

    def counted(name: str, **options: Any) -> Any:
        made.append(name)
        return original(name, **options)

    monkeypatch.setattr(compose, "hydra_compose", counted)
    return made


def test_the_second_composition_is_read(calls: list[str]) -> None:
    first, config = compose_plain("train", OVERRIDES), compose_train(OVERRIDES)
    assert compose_plain("train", OVERRIDES) == first
    assert compose_train(OVERRIDES) == config
    assert calls == ["train"]
    compose_plain("train", [*OVERRIDES, "seed=3"])
    compose_plain("evaluate", ["checkpoint=outputs/a"])
    assert calls == ["train", "train", "evaluate"]


def test_a_changed_yaml_file_is_composed_again(
    calls: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "conf"
    folder.mkdir()
    monkeypatch.setattr(stored, "conf_folders", lambda: [folder])
    for number, text in enumerate(("a: 1", "a: 2", "a: 1")):
        # another size would show already that the file has changed
        (folder / "x.yaml").write_text(text)
        compose_plain("train", ["seed=1"])
        assert len(calls) == (1, 2, 2)[number]


def test_a_mistake_is_not_stored(calls: list[str]) -> None:
    for _ in range(2):
        with pytest.raises(UserError, match="does not exist"):
            compose_plain("train", ["backbone=resnet51"])
    assert calls == ["train", "train"]


def test_damaged_and_unwritable_caches_are_no_error(
    calls: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = compose_plain("train", ["seed=1"])
    (stored_file,) = (tmp_path / "cache" / "configurations").iterdir()
    stored_file.write_text("{")
    assert compose_plain("train", ["seed=1"]) == plain
    monkeypatch.setenv("AVSEG_CACHE", str(stored_file / "below_a_file"))
    assert compose_plain("train", ["seed=1"]) == plain
    assert len(calls) == 3


def test_the_cache_does_not_grow_for_ever(calls: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored, "_MAX_FILES", 3)
    for seed in range(6):
        compose_plain("train", [f"seed={seed}"])
    assert len(list((tmp_path / "cache" / "configurations").iterdir())) <= 4


def test_values_that_json_changes_are_not_stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AVSEG_CACHE", str(tmp_path))
    composition = stored.StoredComposition("train", [])
    composition.write({"a": {1: "a number as a key"}})  # type: ignore[dict-item]
    assert composition.read() is None
    composition.write({"a": {"1": None}, "b": [0.1, 1e-300, float("inf")]})
    assert composition.read() == {"a": {"1": None}, "b": [0.1, 1e-300, float("inf")]}


def test_what_reads_the_environment_is_composed_each_time(calls: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    for value in ("/one", "/two"):
        monkeypatch.setenv("DATA_OF_TEST", value)
        paths = compose_plain("train", ["paths.data=${oc.env:DATA_OF_TEST}"])["paths"]
        assert paths["data"] == value
    assert calls == ["train", "train"]


def test_yaml_that_reads_the_environment_is_not_stored(
    calls: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "conf"
    folder.mkdir()
    (folder / "x.yaml").write_text("root: ${oc.env:HOME}")
    monkeypatch.setattr(stored, "conf_folders", lambda: [folder])
    for _ in range(2):
        compose_plain("train", ["seed=1"])
    assert calls == ["train", "train"]
