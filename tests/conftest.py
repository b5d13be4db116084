import atexit
import gc
import os
import shutil
import tempfile

# before torch is imported: two test processes share two cores
os.environ.setdefault("OMP_NUM_THREADS", "1")
# no test may ask a hub or open a dashboard
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["WANDB_MODE"] = "offline"
# one empty cache for all test processes: the first makes it before the others start
if "AVSEG_TEST_CACHE" not in os.environ:
    os.environ["AVSEG_TEST_CACHE"] = tempfile.mkdtemp(prefix="avseg-tests-")
    atexit.register(shutil.rmtree, os.environ["AVSEG_TEST_CACHE"], ignore_errors=True)
os.environ["AVSEG_CACHE"] = os.environ["AVSEG_TEST_CACHE"]

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:  # imported by the fixtures: the process that hands out the tests loads neither torch nor avseg
    from tests.runs_for_tests import Command

# the collector takes a tenth of the time at its default of 700 objects
gc.set_threshold(100_000, 20, 100)

# a package of its own, with tests of its own: tests/test_extending_docs.py runs them
collect_ignore = ["plugin_example"]


@pytest.fixture(autouse=True)
def _the_same_numbers() -> None:
    """A test draws the same numbers alone, in any order and in any process."""
    import torch

    torch.manual_seed(0)


@pytest.fixture(scope="session")
def ms3_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny MS3 set: 8 training, 3 validation and 7 test clips of 32 pixels."""
    from tests.data.fake import make_ms3

    root = tmp_path_factory.mktemp("ms3")
    make_ms3(root, {"train": 8, "val": 3, "test": 7})
    return root


@pytest.fixture(scope="session")
def trained(ms3_root: Path, tmp_path_factory: pytest.TempPathFactory) -> "Command":
    """A complete run of two epochs on that set, by the command itself."""
    from tests.runs_for_tests import SMALL, avseg

    outputs = tmp_path_factory.mktemp("outputs")
    words = [
        "train",
        *SMALL,
        f"data.root={ms3_root}",
        f"paths.outputs={outputs}",
        "trainer.max_epochs=2",
        "callbacks=default",
    ]
    return avseg(words, outputs)
