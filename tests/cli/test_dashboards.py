"""`avseg dashboards`: the files that it writes, and its one-line errors."""

import json
from pathlib import Path

import pytest
import yaml

from tests.runs_for_tests import avseg

pytestmark = pytest.mark.filterwarnings("ignore::pydantic.warnings.PydanticDeprecatedSince20")


def test_the_workspace_is_written_without_a_login(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    command = avseg(["dashboards", "--project", "mine"])
    assert command.code == 0, command.err
    assert json.loads(Path("dashboards/workspace.json").read_text())["project"] == "mine"
    assert command.out.startswith("written to dashboards/workspace.json; to upload it: wandb login")
    assert len(command.out.splitlines()) == 1


def test_a_sweep_is_written(tmp_path: Path) -> None:
    out = tmp_path / "sweep.yaml"
    command = avseg(["dashboards", "--sweep", "table_a1", "--out", str(out), "data.num_workers=2"])
    assert command.code == 0, command.err
    sweep = yaml.safe_load(out.read_text())
    assert list(sweep["parameters"]) == ["data", "backbone", "fusion"]
    assert "data.num_workers=2" in sweep["command"]
    assert f"wandb sweep {out}" in command.out


def test_several_grids_are_several_files(tmp_path: Path) -> None:
    command = avseg(["dashboards", "--sweep", "toy_table_a2", "--out", str(tmp_path / "a2.yaml")])
    assert command.code == 0, command.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a2-1.yaml", "a2-2.yaml"]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--sweep", "tabel_a1"], "did you mean 'table_a1'"),
        (["--sweep", "table_a1", "backbonne=tiny"], "did you mean 'backbone'"),
        (["seed=1"], "seed=1: overrides belong to --sweep TABLE"),
        (["--view", "https://wandb.test"], "add --save"),
        (["--out", "."], "is a folder; name a file"),
    ],
)
def test_mistakes(arguments: list[str], reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    command = avseg(["dashboards", *arguments])
    assert command.code == 2
    assert reason in command.err
    assert len(command.err.splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_saving_without_a_login(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wandb.login", lambda **_: False)
    command = avseg(["dashboards", "--save"])
    assert command.code == 2
    assert "wandb login" in command.err
