"""Mistakes in the files of a plugin: each is one line that names the file and, where there is one, the line."""

from pathlib import Path

import pytest

from avseg.config import plugins
from avseg.config.compose import compose_train
from avseg.utils.errors import UserError

CONFIG = """
from dataclasses import dataclass
from typing import ClassVar

from avseg.config.schema import ModelConfig


@dataclass(frozen=True)
class NetConfig(ModelConfig):
    builds: ClassVar[str] = "{package}.model:Net"
    name: str = "net"
    width: int = 8
"""


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Path:
    """A plugin of two files; each test imports one of its own name."""
    folder = tmp_path / f"plugin_{abs(hash(request.node.name))}"
    (folder / "conf" / "model").mkdir(parents=True)
    (folder / "__init__.py").touch()
    (folder / "config.py").write_text(CONFIG.format(package=folder.name))
    write_yaml(folder, "width: 4")
    monkeypatch.setenv("AVSEG_PLUGINS", "")
    monkeypatch.syspath_prepend(str(tmp_path))
    plugins.load([str(folder)])
    yield folder
    plugins.plugins.cache_clear()


def write_yaml(folder: Path, line: str) -> None:
    text = f"_target_: {folder.name}.config.NetConfig\nname: net\n{line}\n"
    (folder / "conf" / "model" / "net.yaml").write_text(text)


def compose(*overrides: str):
    return compose_train(["model=net", "data=toy_ms3", *overrides])


def test_a_recipe_s_options_for_another_model_are_left_out(plugin: Path):
    model = compose("recipe=toy").model
    assert (model.name, model.width) == ("net", 4)
    assert not hasattr(model, "channels")


@pytest.mark.parametrize("overrides", [[], ["recipe=toy"]])
def test_a_misspelt_option_in_the_yaml_file(plugin: Path, overrides: list[str]):
    write_yaml(plugin, "widht: 4")
    with pytest.raises(UserError, match=r"'model\.widht' does not exist; did you mean 'width'"):
        compose(*overrides)


def test_a_file_that_is_not_yaml(plugin: Path):
    write_yaml(plugin, "width")
    with pytest.raises(UserError, match=r"net\.yaml, line \d is not valid yaml") as caught:
        compose()
    assert "\n" not in str(caught.value)


def test_a_syntax_error_in_the_options(plugin: Path):
    (plugin / "config.py").write_text("x = [1\n")
    with pytest.raises(UserError, match=r"config\.py, line 1: .*never closed"):
        compose()


def test_a_syntax_error_in_the_package(plugin: Path):
    (plugin / "__init__.py").write_text("def f(:\n")
    with pytest.raises(UserError, match=r"__init__\.py, line 1: invalid syntax"):
        plugins.import_plugins()
