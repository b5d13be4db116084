"""Options of MSSL and the authors' recipe (ECCV 2020; the simplified code)."""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from annotated_types import Ge, Gt

from avseg.config.schema import AtLeastOne, ModelConfig, Preset, TrainConfig
from avseg.models.localisation.checks import check_binary, refuse_processes
from avseg.utils.errors import UserError

# of S4, in alphabetical order; those of the list in AVSBench's own preprocessing script
S4_CATEGORIES = (
    "ambulance_siren",
    "baby_laughter",
    "cap_gun_shooting",
    "cat_meowing",
    "chainsawing_trees",
    "coyote_howling",
    "dog_barking",
    "driving_buses",
    "female_singing",
    "helicopter",
    "horse_clip-clop",
    "lawn_mowing",
    "lions_roaring",
    "male_speech",
    "mynah_bird_singing",
    "playing_acoustic_guitar",
    "playing_glockenspiel",
    "playing_piano",
    "playing_tabla",
    "playing_ukulele",
    "playing_violin",
    "race_car",
    "typing_on_computer_keyboard",
)


@dataclass(frozen=True)
class MSSLConfig(ModelConfig):
    """MSSL.

    Attributes:
        training: "self_supervised", the authors' losses on pairs of a frame and a sound, no masks; "supervised", a
            protocol of ours, adds the cross-entropy of the map with the masks.
        width: channels of the encoders' first stage.
        pretrained: ImageNet weights of the image encoder: true, false or a file.
        categories: names of the classes, those of the clips.
        num_classes: null for as many as `categories`; the authors have 7 without names.
        labels_from: checkpoint of an MSSL run on S4 that labels clips without categories (MS3).
        class_filter: "official", where a second sigmoid lets every class pass, or "single", the intended one.
        coarse_epochs: epochs of the first stage; nothing is localised in them, so their validation scores are 0.
        fine_lr_factor: from the learning rate of the first stage to that of the second.
        sound_scope: "clip", all frames get the sound of the whole clip, or "second", each its own second.
        sound_seconds: length of the spectrogram of a clip.
        peak: divide the sound by its peak, as the authors do in their test.
        input_size: side of the images in the network; null: as they are.
        augment: random flips in training.
        mask_weight: of the supervised term.
    """

    builds: ClassVar[str] = "avseg.models.mssl.module:MSSLModule"
    reads: ClassVar[tuple[str, ...]] = ("init", "optimizer")

    name: str = "mssl"
    training: Literal["self_supervised", "supervised"] = "self_supervised"
    width: AtLeastOne = 64
    pretrained: bool | str = True
    categories: tuple[str, ...] = S4_CATEGORIES
    num_classes: AtLeastOne | None = None
    labels_from: str | None = None
    class_filter: Literal["official", "single"] = "official"
    coarse_epochs: Annotated[int, Ge(0)] = 20
    fine_lr_factor: Annotated[float, Gt(0)] = 0.1
    sound_scope: Literal["clip", "second"] = "clip"
    sound_seconds: Annotated[float, Gt(0.1)] = 5.0
    peak: bool = True
    input_size: AtLeastOne | None = 256
    augment: bool = True
    mask_weight: Annotated[float, Ge(0)] = 1.0

    @property
    def classes(self) -> int:
        """The number of classes."""
        return self.num_classes or len(self.categories)

    def preset(self, setting: str) -> Preset:
        """20 epochs of each stage, batches of 16 pairs."""
        return Preset(max_epochs=40, batch_size=16)

    def label(self, config: TrainConfig) -> str:
        """Model, training form and initialization, such as "mssl-supervised-scratch"."""
        scope = "" if self.sound_scope == "clip" else "-second"
        return f"{self.name}-{self.training}{scope}-{config.init.name}"

    def check(self) -> None:
        """Check that there are classes, each named once."""
        if not self.classes or len(set(self.categories)) != len(self.categories):
            raise UserError(f"model.categories={list(self.categories)}: name each category of the data once")

    def check_run(self, config: TrainConfig) -> None:
        """Check that the data has one class, labels, and an epoch that localises."""
        check_binary(config)
        epochs = config.trainer.max_epochs
        if epochs is not None and epochs <= self.coarse_epochs:
            raise UserError(
                f"trainer.max_epochs={epochs} leaves no epoch behind model.coarse_epochs={self.coarse_epochs}; "
                "only the second stage learns to localise"
            )
        if config.data.setting == "ms3" and self.labels_from is None and self.training == "self_supervised":
            raise UserError(
                f"data={config.data.name} has no categories; set model.labels_from to best.ckpt of a run made by: "
                "avseg train model=mssl data=avsbench_s4"
            )

    def check_processes(self) -> None:
        """Refuse several processes."""
        refuse_processes(self.name)
