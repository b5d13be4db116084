"""The wheel holds everything, and does from another folder what the checkout does."""

import configparser
import importlib
import json
import os
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from avseg import __version__
from tests.fresh_process import FreshProcess
from tests.runs_for_tests import SMALL, avseg

TOP = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    # without isolation: the build backend is installed already, and tests have no network
    words = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    done = subprocess.run(words, cwd=TOP, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `pip install --target` makes of a wheel of pure Python."""
    folder = tmp_path_factory.mktemp("installed")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def python(installed: Path, cwd: Path, *words: str) -> str:
    """Runs Python in another folder; PYTHONPATH stands before the editable install of the checkout."""
    environment = os.environ | {"PYTHONPATH": str(installed), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, *words], cwd=cwd, env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def names_below(folder: Path, below: str, pattern: str) -> set[str]:
    return {f"{below}/{path.relative_to(folder).as_posix()}" for path in folder.rglob(pattern)}


def test_every_module_and_every_configuration_is_inside(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        inside = {name for name in archive.namelist() if ".dist-info/" not in name}
    modules = names_below(TOP / "src" / "avseg", "avseg", "*.py")
    configurations = names_below(TOP / "conf", "avseg/conf", "*.yaml")
    tables = names_below(TOP / "experiments", "avseg/experiments", "*.*")
    launcher = names_below(TOP / "src" / "hydra_plugins", "hydra_plugins", "*.py")
    page = names_below(TOP / "src" / "avseg" / "annotate" / "page", "avseg/annotate/page", "*.*")
    assert "avseg/conf/train.yaml" in configurations
    assert "avseg/experiments/table_a1/sweep.yaml" in tables
    assert launcher
    assert "avseg/annotate/page/index.html" in page
    data = set()
    for pattern in ("*.toml", "*.yaml", "*.json", "*.csv", "*.html", "*.txt", "*.npz", "README.md"):
        data |= names_below(TOP / "src" / "avseg", "avseg", pattern)
    assert "avseg/data/check/sources.toml" in data
    assert inside == modules | configurations | tables | launcher | page | data | {"avseg/py.typed"}


def test_what_the_installer_reads(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        folder = f"avseg-{__version__}.dist-info"
        scripts = configparser.ConfigParser()
        scripts.read_string(archive.read(f"{folder}/entry_points.txt").decode())
        metadata = archive.read(f"{folder}/METADATA").decode()
        assert f"{folder}/licenses/LICENSE" in archive.namelist()
    assert dict(scripts["console_scripts"]) == {"avseg": "avseg.cli.main:main"}
    project = tomllib.loads((TOP / "pyproject.toml").read_text())["project"]
    needed = [line for line in metadata.splitlines() if line.startswith("Requires-Dist: ") and "extra ==" not in line]
    assert len(needed) == len(project["dependencies"])
    assert metadata.count("\nProvides-Extra: ") == len(project["optional-dependencies"])
    assert "\nRequires-Python: " in metadata


def test_its_own_code_and_configurations_are_used(installed: Path, tmp_path: Path) -> None:
    code = "import avseg, avseg.config.paths as folder; print(avseg.__file__); print(folder.conf_folder())"
    assert python(installed, tmp_path, "-c", code).split() == [
        str(installed / "avseg" / "__init__.py"),
        str(installed / "avseg" / "conf"),
    ]


def avseg_of(installed: Path, words: list[str]) -> int:
    """Run a command of the installed package in a process that holds the libraries, but not the checkout's modules."""
    for name in [name for name in sys.modules if name.partition(".")[0] in ("avseg", "hydra_plugins")]:
        del sys.modules[name]
    sys.path.insert(0, str(installed))
    sys.argv = ["avseg", *words]
    command = importlib.import_module("avseg.cli.main")
    code = command.main()
    files = {module.__file__ for name, module in sys.modules.items() if name.partition(".")[0] == "avseg"}
    assert all(Path(file).is_relative_to(installed) for file in files), files
    return int(code)


def test_it_composes_and_trains_as_the_checkout(installed: Path, ms3_root: Path, tmp_path: Path) -> None:
    settings = [*SMALL, "debug=one_batch", "callbacks=none", f"data.root={ms3_root}"]
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    printed = avseg(["train", *settings, "--cfg", "job"]).out
    assert "experiment: default" in printed
    assert python(installed, elsewhere, "-m", "avseg", "train", *settings, "--cfg", "job") == printed
    done = FreshProcess(avseg_of, installed, ["train", *settings], cwd=elsewhere).end()
    assert done.code == 0, done.err
    here = avseg(["train", *settings, f"paths.outputs={tmp_path}/here"], tmp_path / "here")
    assert here.code == 0, here.err
    (there,) = (elsewhere / "outputs").glob("*/*/seed=*")
    assert there.relative_to(elsewhere / "outputs") == here.run.relative_to(tmp_path / "here")
    for name in ("result.json", "per_clip.csv", "metrics.csv"):
        assert (there / name).read_text() == (here.run / name).read_text(), name
    # an installed package knows no commit
    assert json.loads((there / "manifest.json").read_text())["git"] is None
