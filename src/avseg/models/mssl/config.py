"""Options of MSSL and the authors' recipe (ECCV 2020; the simplified code)."""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from annotated_types import Ge, Gt

from avseg.config.schema import AtLeastOne, Preset, TrainConfig
from avseg.models.localisation.config import LocalisationConfig
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
class MSSLConfig(LocalisationConfig):
    """MSSL; frames are flipped in training.

    Attributes:
        categories: names of the classes: the categories of the clips.
        num_classes: number of classes; null for as many as `categories`; the authors have 7 without names.
        labels_from: checkpoint of an MSSL run on S4 that labels clips without categories (MS3).
        class_filter: "official", where a second sigmoid lets every class pass, or "single", the intended one.
        coarse_epochs: epochs of the first stage; nothing is localised in them, so their validation scores are 0.
        fine_lr_factor: learning rate of the second stage divided by that of the first.
        peak: divide the sound by its peak, as the authors do in their test.
    """

    builds: ClassVar[str] = "avseg.models.mssl.module:MSSLModule"

    name: str = "mssl"
    categories: tuple[str, ...] = S4_CATEGORIES
    num_classes: AtLeastOne | None = None
    labels_from: str | None = None
    class_filter: Literal["official", "single"] = "official"
    coarse_epochs: Annotated[int, Ge(0)] = 20
    fine_lr_factor: Annotated[float, Gt(0)] = 0.1
    sound_seconds: Annotated[float, Gt(0.1)] = 5.0
    peak: bool = True
    input_size: AtLeastOne | None = 256

    @property
    def classes(self) -> int:
        """The number of classes."""
        return self.num_classes or len(self.categories)

    def preset(self, setting: str) -> Preset:
        """20 epochs of each stage, batches of 16 pairs."""
        return Preset(max_epochs=40, batch_size=16)

    def check(self) -> None:
        """Check that there are classes, each named once."""
        if not self.classes or len(set(self.categories)) != len(self.categories):
            raise UserError(f"model.categories={list(self.categories)}: name each category of the data once")

    def check_run(self, config: TrainConfig) -> None:
        """Check that the data has one class, labels, and an epoch that localises."""
        super().check_run(config)
        epochs = config.trainer.max_epochs
        if epochs is not None and epochs <= self.coarse_epochs:
            raise UserError(
                f"trainer.max_epochs={epochs} leaves no epoch behind model.coarse_epochs={self.coarse_epochs}; "
                "only the second stage learns to localise"
            )
        if config.data.setting == "ms3" and self.labels_from is None and not self.supervised:
            raise UserError(
                f"data={config.data.name} has no categories; set model.labels_from to best.ckpt of a run made by: "
                "avseg train model=mssl data=avsbench_s4"
            )
