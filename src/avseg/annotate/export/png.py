"""Palette PNGs, one per frame, as in DAVIS: the colour's index is the object's id, 0 nothing."""

from pathlib import Path

from PIL import Image

from avseg.annotate.export.source import Source, painted
from avseg.data.palette import voc_palette
from avseg.utils.errors import UserError


def write(folder: Path, source: Source, *, pictures: bool = False) -> None:
    """Writes `Annotations/{video}/{frame:05d}.png` for every frame of the video, those of silence too.

    Where masks overlap the smaller one is on top.

    Args:
        folder: an empty one.
        source: what to write.
        pictures: also write the frames, `JPEGImages/{video}/{frame:05d}.jpg`.

    Raises:
        UserError: an object with an id above 255.
    """
    if max(source.objects) > 255:
        raise UserError(f"object {max(source.objects)}: a palette picture holds ids up to 255; export coco instead")
    palette = voc_palette(256).reshape(-1).tolist()
    values = {object: object for object in source.objects}
    target = folder / "Annotations" / source.id
    target.mkdir(parents=True)
    for frame in range(source.film.frames):
        picture = Image.fromarray(painted(source.masks(frame), values, source.size)).convert("P")
        picture.putpalette(palette)
        picture.save(target / f"{frame:05d}.png")
        if pictures:
            write_picture(folder, source, frame)


def write_picture(folder: Path, source: Source, frame: int) -> None:
    """Writes a frame as `JPEGImages/{video}/{frame:05d}.jpg`."""
    path = folder / picture_name(source, frame)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(source.film.picture(frame)).save(path, quality=95, subsampling=0)


def picture_name(source: Source, frame: int) -> str:
    """Of a frame, below the export."""
    return f"JPEGImages/{source.id}/{frame:05d}.jpg"
