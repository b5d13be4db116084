"""Stop a run safely: SIGTERM (a scheduler, `timeout`, a shut-down) ends it like Ctrl-C, and no file is torn."""

import io
import logging
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import pytorch_lightning as pl
import torch
from lightning_fabric.plugins import TorchCheckpointIO
from pytorch_lightning.callbacks import Callback

from avseg.utils.files import atomic_file

log = logging.getLogger("avseg")


@contextmanager
def stoppable() -> Iterator[None]:
    """Let SIGTERM unwind the run with exit code 143: what it was writing is removed, its last complete epoch stays."""
    mine = threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    came = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        came.set()
        raise KeyboardInterrupt  # Lightning ends its other processes on it

    if mine:
        signal.signal(signal.SIGTERM, stop)
    try:
        yield
    except KeyboardInterrupt:
        if not came.is_set():
            raise
        log.warning("terminated; the same command again continues")
        raise SystemExit(128 + signal.SIGTERM) from None
    finally:
        if mine:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)


class SigtermAsBefore(Callback):
    """Takes SIGTERM back from Lightning, whose handler waits for the other processes: they may never come."""

    def __init__(self) -> None:
        self.handler = signal.getsignal(signal.SIGTERM)

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Restore the handler that Lightning has just replaced."""
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, self.handler)

    def on_test_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Do the same before a test."""
        self.on_train_start(trainer, pl_module)


class WholeCheckpoints(TorchCheckpointIO):
    """Writes a checkpoint next to its final name first.

    Lightning's temporary file is in the system's folder for them: on another disk the last step is a copy, which a kill
    tears, and after a kill the temporary file of a gigabyte stays there.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any | None = None) -> None:
        """Write the checkpoint atomically; called by Lightning on the first process."""
        buffer = io.BytesIO()  # written from memory: torch would hide that the disk is full
        torch.save(checkpoint, buffer)
        with atomic_file(Path(path)) as temporary:
            temporary.write_bytes(buffer.getbuffer())
