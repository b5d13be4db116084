"""VGG-SS and Flickr-SoundNet for an evaluation; there is nothing to train on."""

from collections.abc import Iterable
from pathlib import Path

from avseg.audio.frontend import FrontEnd
from avseg.data.datamodule import ClipDataModule
from avseg.data.localisation.config import BoxesConfig
from avseg.data.localisation.dataset import BoxesDataset
from avseg.data.setting import ClipSetting
from avseg.utils.errors import UserError


class BoxesDataModule(ClipDataModule):
    """The loader of the annotated images."""

    def __init__(self, config: BoxesConfig, frontend: FrontEnd | None, seed: int = 0, *, controls: bool = True) -> None:
        super().__init__(config.root, frontend, config.batch_size, config.num_workers, seed, controls=controls)
        self.config = config
        self.setting = ClipSetting(config.setting, clip_length=1, splits=("test",), clip_lengths=(1,))

    def make_dataset(self, split: str) -> BoxesDataset:
        """Open the annotated images; `UserError` for another split than test."""
        if split != "test":
            raise UserError(f"data={self.config.name} has boxes to evaluate on and no split '{split}'; use split=test")
        return BoxesDataset(self.config, self.setting, self.frontend)

    def source_files(self) -> Iterable[Path]:
        """Return the annotations, frames and sounds."""
        dataset = self.make_dataset("test")
        files = {path for sources in dataset.sources.values() for path in sources}
        annotations = self.root / self.config.annotations
        return sorted(files | ({annotations} if annotations.is_file() else set(annotations.glob("*.xml"))))
