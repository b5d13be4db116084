from pathlib import Path

import pytest

from tests.runs_for_tests import SMALL, Command, avseg
from tests.training.wandb_file import OfflineRun, folders, read_offline_run


@pytest.fixture(scope="session")
def logged(ms3_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Command:
    """A complete run of two epochs with `logger=wandb_offline`."""
    outputs = tmp_path_factory.mktemp("logged")
    words = ["train", *SMALL, f"data.root={ms3_root}", f"paths.outputs={outputs}", "trainer.max_epochs=2"]
    return avseg([*words, "logger=wandb_offline", "callbacks=default"], outputs)


@pytest.fixture(scope="session")
def offline(logged: Command) -> OfflineRun:
    """What wandb kept of it."""
    assert logged.code == 0, logged.err
    (folder,) = folders(logged.run)
    return read_offline_run(folder)
