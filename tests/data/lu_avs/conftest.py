import shutil
from pathlib import Path

import pytest

from avseg.data.lu_avs.synthetic.renderer import SyntheticVideoConfig
from avseg.data.lu_avs.synthetic.writer import write_release
from avseg.data.synthetic.toy import ToyCast
from tests.data.lu_avs.sample import make_sample


@pytest.fixture(scope="session")
def sample_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small hand-written release; do not change it."""
    return make_sample(tmp_path_factory.mktemp("lu_avs"))


@pytest.fixture
def own_sample(sample_root: Path, tmp_path: Path) -> Path:
    """A copy that a test may damage."""
    return shutil.copytree(sample_root, tmp_path / "lu_avs")


@pytest.fixture(scope="session")
def toy_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A toy release: 4 training, 2 validation and 3 test videos of 4 to 6 seconds."""
    root = tmp_path_factory.mktemp("toy_lu_avs")
    write_release(root, SyntheticVideoConfig(ToyCast(), 32, (4, 6), 0.25), {"train": 4, "val": 2, "test": 3}, {})
    return root
