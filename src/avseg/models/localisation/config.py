"""Options that LVS and MSSL share; importing it imports no torch."""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from annotated_types import Ge, Gt

from avseg.config.schema import AtLeastOne, ModelConfig, TrainConfig
from avseg.models.localisation.checks import check_binary, refuse_processes


@dataclass(frozen=True)
class LocalisationConfig(ModelConfig):
    """A model that localises a sound in an image by comparing their encodings.

    Attributes:
        training: "self_supervised", the authors' losses on pairs of a frame and a sound, no masks; "supervised", a
            protocol of ours, adds the cross-entropy of the map with the masks.
        width: channels of the encoders' first stage.
        pretrained: ImageNet weights of the image encoder: true, false or a file.
        sound_scope: "clip", all frames get the sound of the whole clip, or "second", each its own second.
        sound_seconds: length of the spectrogram.
        input_size: side of the images in the network; null: as they are.
        augment: change the frames at random in training.
        mask_weight: weight of the supervised term.
    """

    reads: ClassVar[tuple[str, ...]] = ("init", "optimizer")

    training: Literal["self_supervised", "supervised"] = "self_supervised"
    width: AtLeastOne = 64
    pretrained: bool | str = True
    sound_scope: Literal["clip", "second"] = "clip"
    sound_seconds: Annotated[float, Gt(0.1)] = 10.0
    input_size: AtLeastOne | None = None
    augment: bool = True
    mask_weight: Annotated[float, Ge(0)] = 1.0

    @property
    def supervised(self) -> bool:
        """True if masks are learned."""
        return self.training == "supervised"

    def label(self, config: TrainConfig) -> str:
        """Model, training form and initialization, such as "lvs-self_supervised-scratch"."""
        scope = "" if self.sound_scope == "clip" else "-second"
        return f"{self.name}-{self.training}{scope}-{config.init.name}"

    def check_run(self, config: TrainConfig) -> None:
        """Check that the data has one class."""
        check_binary(config)

    def check_processes(self) -> None:
        """Refuse several processes."""
        refuse_processes(self.name)
