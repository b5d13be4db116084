from pathlib import Path

import pytest

from avseg.data.lu_avs.synthetic.renderer import SyntheticVideoConfig
from avseg.data.lu_avs.synthetic.writer import write_release
from avseg.data.synthetic.toy import ToyCast
from tests.runs_for_tests import Command, avseg
from tests.training.long.words import BRANCHES, words


@pytest.fixture(scope="session")
def lu_toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made long videos of 4 to 6 seconds and 32 x 48 pixels, 7 labels; read only."""
    root = tmp_path_factory.mktemp("lu_toy")
    write_release(root, SyntheticVideoConfig(ToyCast(), 32, (4, 6), 0.25), {"train": 4, "val": 2, "test": 4}, {})
    return root


@pytest.fixture(scope="session")
def lu_outputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where `lu_runs` lie."""
    return tmp_path_factory.mktemp("lu_outputs")


@pytest.fixture(scope="session")
def lu_runs(lu_toy: Path, lu_outputs: Path) -> dict[str, Command]:
    """A complete run of one epoch of every branch and of both compositions, by the command itself."""
    return {branch: avseg(words(branch, lu_toy, lu_outputs), lu_outputs) for branch in BRANCHES}


@pytest.fixture(scope="session")
def lu_paths(lu_runs: dict[str, Command]) -> dict[str, Path]:
    """Their run directories."""
    for run in lu_runs.values():
        assert run.code == 0, run.err
    return {branch: Path(run.out.rpartition("run directory: ")[2].strip()) for branch, run in lu_runs.items()}
