"""A model of one's own in a script; a plugin (docs/extending/model.md) also adds configuration, runs and tables."""

# %% options: what a yaml file and the command line would set
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from avseg.audio.config import MelConfig
from avseg.cli.main import main as command
from avseg.config.schema import ModelConfig, OptimizerConfig, Preset
from avseg.data.avsbench.config import AVSBenchConfig
from avseg.data.avsbench.datamodule import AVSBenchDataModule
from avseg.data.clip import Clip
from avseg.data.setting import find_setting
from avseg.models.base import AVSegModule, BuildContext, Losses, LossTerm, Prediction
from avseg.models.experiment import FitOptions
from avseg.nn.normalise import normalise


@dataclass(frozen=True)
class FilmConfig(ModelConfig):
    """Width of the network."""

    reads: ClassVar[tuple[str, ...]] = ("audio", "optimizer", "init")
    name: str = "film"
    width: int = 16


# %% the model: two convolutions, the sound scales and shifts their channels (FiLM)
class FilmModule(AVSegModule):
    """Binary cross-entropy."""

    def __init__(self, config: FilmConfig, context: BuildContext) -> None:
        super().__init__(config, context)
        self.audio_encoder = self.make_audio_encoder()
        self.features = nn.Conv2d(3, config.width, 5, padding=2)
        self.film = nn.Linear(self.frontend.dim, 2 * config.width)
        self.head = nn.Conv2d(config.width, context.setting.num_classes, 5, padding=2)

    def encode(self, frames: Tensor) -> Tensor:
        """Features (B, T, C, H, W) of frames (B, T, 3, H, W) uint8; computed once for all control sounds."""
        return self.features(normalise(frames).flatten(0, 1)).unflatten(0, frames.shape[:2])

    def decode(self, features: Tensor, clip: Clip) -> Prediction:
        """Logits (B, T, K, H, W)."""
        scale, shift = self.film(self.audio_encoder(clip.sound))[..., None, None].chunk(2, dim=2)
        hidden = F.relu(features * scale + shift)  # (B, T, C, H, W)
        return Prediction(self.head(hidden.flatten(0, 1)).unflatten(0, hidden.shape[:2]))

    def loss(self, prediction: Prediction, clip: Clip) -> Losses:
        """Mean over the annotated frames."""
        logits = prediction.logits[:, :, 0][clip.annotated]
        target = clip.masks[clip.annotated].float()
        return Losses({"bce": LossTerm(F.binary_cross_entropy_with_logits(logits, target))})


# %% data: synthetic clips; they receive the model's front end
folder = Path(tempfile.mkdtemp())
toy = ["data", "toy", "--setting", "ms3", "--size", "32", "--train", "8", "--val", "2", "--test", "4"]
assert command([*toy, "--out", str(folder / "toy_ms3")]) == 0
data_config = AVSBenchConfig(setting="ms3", root=str(folder / "toy_ms3"), image_size=32, num_workers=0)
context = BuildContext(find_setting("ms3"), Preset(), image_size=32, audio=MelConfig("mel"))
model = FilmModule(FilmConfig("film"), context)
model.fit_options = FitOptions(OptimizerConfig(lr=1e-3), seed=0)
data = AVSBenchDataModule(data_config, frontend=model.frontend, seed=0)

# %% train and evaluate under every sound with Lightning's own trainer
trainer = pl.Trainer(
    max_epochs=1,
    accelerator="cpu",
    logger=False,
    enable_checkpointing=False,
    enable_progress_bar=False,
    use_distributed_sampler=False,
)
trainer.fit(model, data)
trainer.test(model, data, verbose=False)
for sound, scores in model.test_result.items():
    print(f"{sound:10s} mIoU {scores['miou']:.3f}")

# %% predict a clip
frames = torch.zeros(5, 3, 48, 64, dtype=torch.uint8)
print(model.eval().predict_clip(frames, torch.zeros(5 * 16000), 16000).shape)
