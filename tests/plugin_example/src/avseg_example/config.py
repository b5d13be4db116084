"""Options of the example's model, data set and audio encoder."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from annotated_types import Ge

from avseg.config.schema import AtLeastOne, AudioConfig, DataConfig, ModelConfig, Preset


@dataclass(frozen=True)
class ExampleConfig(ModelConfig):
    """The model: `width` channels, and the weight of the penalty on the marked area."""

    builds: ClassVar[str] = "avseg_example.model:ExampleModule"
    reads: ClassVar[tuple[str, ...]] = ("audio", "init", "optimizer")

    name: str = "example"
    width: AtLeastOne = 8
    area_weight: Annotated[float, Ge(0)] = 0.1

    def preset(self, setting: str) -> Preset:
        """Two epochs of two clips at 32 pixels, F-score of every video alone."""
        return Preset(max_epochs=2, batch_size=2, image_size=32, videos_per_group=1)


@dataclass(frozen=True)
class ExampleSetConfig(DataConfig):
    """The data set: one npz file and one wav file per clip."""

    builds: ClassVar[str] = "avseg_example.data:ExampleDataModule"

    name: str = "example_set"
    setting: str = "example"


@dataclass(frozen=True)
class WaveConfig(AudioConfig):
    """A 1-D convolution on the waveform with `kernels` kernels."""

    builds: ClassVar[str] = "avseg_example.audio:WaveEncoder"

    name: str = "example_wave"
    kernels: AtLeastOne = 16
