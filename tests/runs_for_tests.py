"""Runs the `avseg` command inside the test process, and keeps what it said."""

import contextlib
import io
import warnings
from dataclasses import dataclass
from pathlib import Path

from avseg.cli.main import main

# a whole run in seconds
SMALL = [
    "data=toy_ms3",
    "data.image_size=32",
    "data.batch_size=3",
    "backbone=tiny",
    "audio=mel",
    "model.channels=8",
    "trainer=cpu",
    "trainer.enable_progress_bar=false",
    "callbacks=none",
]


@dataclass
class Command:
    """What a command said, and where its runs lie."""

    code: int
    out: str
    err: str
    words: list[str]
    outputs: Path

    @property
    def run(self) -> Path:
        """The one run directory under the outputs."""
        (seed,) = self.outputs.glob("*/*/seed=*")
        return seed


def avseg(words: list[str], outputs: Path = Path()) -> Command:
    """Runs a command line."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), warnings.catch_warnings():
        code = main(words)
    return Command(code, out.getvalue(), err.getvalue(), words, outputs)
