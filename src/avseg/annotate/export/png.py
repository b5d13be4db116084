"""Export palette PNGs, one per frame, as in DAVIS: the palette index is the object's id, 0 = background."""

from pathlib import Path

from PIL import Image

from avseg.annotate.export.source import ExportSource, flatten_masks
from avseg.data.palette import voc_palette
from avseg.utils.errors import UserError


def write(folder: Path, source: ExportSource, *, pictures: bool = False) -> None:
    """Write `Annotations/{video}/{frame:05d}.png` for every frame of the video, including silent ones.

    Where masks overlap, the smaller one is drawn over the larger one. With `pictures` the frames are written, too.
    """
    if max(source.objects) > 255:
        raise UserError(f"object {max(source.objects)}: a palette PNG holds ids up to 255; export coco instead")
    # PIL takes [r, g, b, r, g, b, ...]
    palette = voc_palette(256).reshape(-1).tolist()
    values = dict(zip(source.objects, source.objects, strict=True))  # an object is drawn as its id
    target = folder / "Annotations" / source.video_id
    target.mkdir(parents=True)
    for frame in range(source.video.frames):
        image = Image.fromarray(flatten_masks(source.masks(frame), values, source.size)).convert("P")
        image.putpalette(palette)
        image.save(target / f"{frame:05d}.png")
        if pictures:
            write_frame(folder, source, frame)


def write_frame(folder: Path, source: ExportSource, frame: int) -> None:
    """Write a frame as `JPEGImages/{video}/{frame:05d}.jpg`."""
    path = folder / frame_name(source, frame)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(source.video.image(frame)).save(path, quality=95, subsampling=0)


def frame_name(source: ExportSource, frame: int) -> str:
    """Return the path of a frame inside the export."""
    return f"JPEGImages/{source.video_id}/{frame:05d}.jpg"
