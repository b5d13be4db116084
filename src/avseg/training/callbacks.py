"""Files that a run writes while it trains: checkpoints, a row of metrics and a panel of clips after each epoch."""

from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback, ModelCheckpoint

from avseg.training.panels import draw_panels
from avseg.utils.csv_files import read_rows, write_rows
from avseg.utils.errors import UserError


class MetricsCsv(Callback):
    """Writes metrics.csv, a row per epoch; a resumed run drops the rows of epochs that it trains again."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Add the row of this epoch."""
        metrics = trainer.callback_metrics  # averages over the processes, so each of them must ask
        if not trainer.is_global_zero:
            return
        rows = [row for row in read_rows(self.path) if int(row["epoch"]) < trainer.current_epoch]
        values = {name: f"{float(value):.9g}" for name, value in metrics.items()}
        rows.append({"epoch": str(trainer.current_epoch), "step": str(trainer.global_step), **values})
        write_rows(self.path, rows)


class BestAndLast(ModelCheckpoint):
    """Lightning's checkpoints, best or last, for a run directory that may be moved before it is resumed.

    Lightning forgets the best score when the folder's path has changed, and a worse epoch would replace best.ckpt.
    """

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Replace the paths in the state by the files of the same names in the current folder."""
        moved = dict(state_dict)
        for key in ("best_model_path", "kth_best_model_path", "last_model_path"):
            moved[key] = self._moved(state_dict[key])
        moved["best_k_models"] = {self._moved(path): score for path, score in state_dict["best_k_models"].items()}
        super().load_state_dict({**moved, "dirpath": self.dirpath})

    def _moved(self, path: str) -> str:
        return str(Path(self.dirpath or "") / Path(path).name) if path else path


class ClipPanels(Callback):
    """Draws the same few validation clips after a validation: frame, truth, prediction, sound."""

    def __init__(self, clips: int = 6, every_n_epochs: int = 1, folder: Path | str = "pictures") -> None:
        for name, number in (("clips", clips), ("every_n_epochs", every_n_epochs)):
            if number < 1:
                raise UserError(f"callbacks.panels.{name}={number} must be at least 1; callbacks=none draws nothing")
        self.clips = clips
        self.every_n_epochs = every_n_epochs
        self.folder = Path(folder)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Draw `epoch=NNN.png`."""
        last = trainer.current_epoch + 1 == trainer.max_epochs
        due = (trainer.current_epoch + 1) % self.every_n_epochs == 0 or last
        if not trainer.is_global_zero or trainer.sanity_checking or not due:
            return
        path = self.folder / f"epoch={trainer.current_epoch:03d}.png"
        dataset = trainer.datamodule.dataset("val")  # type: ignore[attr-defined]
        draw_panels(path, pl_module, dataset, self.clips)  # type: ignore[arg-type]
