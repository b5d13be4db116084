"""Check what a propagator is given."""

from collections.abc import Mapping, Sequence

from avseg.annotate.protocols import Image, Mask
from avseg.utils.errors import UserError


def check_step(
    image: Image, masks: Mapping[int, Mask], object_ids: Sequence[int], size: tuple[int, int] | None
) -> tuple[int, int]:
    """Return height and width of an image; `size` is that of the frames before, None for the first one.

    Raises:
        UserError: an image or a mask of another size, or an object that was not announced.
    """
    current = (image.shape[0], image.shape[1])
    if size not in (None, current):
        raise UserError(f"image: {current} (height, width) in a video of {size}; reset for another video")
    for object_id, mask in masks.items():
        if object_id not in object_ids:
            raise UserError(f"objects: {object_id} was not passed to reset; known are {list(object_ids)}")
        if mask.shape != current:
            raise UserError(f"mask: {mask.shape} does not fit an image of {current} (height, width)")
    return current
