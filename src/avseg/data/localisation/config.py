"""The configuration of VGG-SS and Flickr-SoundNet; importing it imports no torch."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from avseg.config.schema import DataConfig
from avseg.utils.errors import UserError


@dataclass(frozen=True)
class BoxesConfig(DataConfig):
    """Single images with the boxes of their sound sources, to be evaluated on.

    `root` holds the annotations, `frames/NAME.jpg` (or png) and `audio/NAME.wav` (or flac), or `videos/NAME.mp4`, whose
    middle frame is taken.

    Attributes:
        annotations: the json of VGG-SS, or the folder of the xml files of Flickr-SoundNet, below `root`.
    """

    builds: ClassVar[str] = "avseg.data.localisation.datamodule:BoxesDataModule"

    name: str = ""
    setting: Literal["vgg_ss", "flickr_soundnet"] = "vgg_ss"
    annotations: str = "vggss.json"

    @property
    def side(self) -> int:
        """The side of frames and truths in pixels; raises `UserError` if it is null."""
        if self.image_size is None:
            raise UserError("data.image_size is null; boxes are drawn at a number of pixels, 224 in the papers")
        return self.image_size

    def check(self) -> None:
        """Check that there is an image size."""
        _ = self.side
