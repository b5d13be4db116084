"""Find the joints of a recording at which the size, the orientation or the codec of the picture changes."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from av.error import FFmpegError

from avseg.media.clock import PLAIN, Break, Clock
from avseg.media.container import images, open_video, video_stream
from avseg.media.upright import view_of


def describe_changes(path: Path, clock: Clock, breaks: Sequence[Break]) -> list[Break]:
    """Add to the joints how the picture changes there; one frame of each piece is decoded.

    All frames are shown upright and in the size of the first, to which others are scaled.
    """
    described = list(breaks)
    joints = [number for number, item in enumerate(breaks) if item.kind == "joint"]
    pictures = _first_pictures(path, clock)
    # with an empty piece it is not known which joint belongs to which
    for number, before, after in zip(joints, pictures, pictures[1:], strict=False):
        if len(joints) + 1 == len(pictures) and before and before != after:
            change = (
                f"the picture changes from {before} to {after}" if after else "the frames after it cannot be decoded"
            )
            described[number] = replace(breaks[number], picture=change)
    return described


def _first_pictures(path: Path, clock: Clock) -> list[str]:
    """Describe the first frame of each piece, "" where it cannot be decoded."""
    pictures: list[str] = []
    with open_video(path) as container:
        stream = video_stream(container, path)
        for piece in clock.pieces:
            try:
                if piece.position:
                    container.seek(piece.position, unsupported_byte_offset=True)
            except FFmpegError:
                return []
            image = next(images(container, stream, PLAIN), None)
            picture = ""
            if image is not None:
                view = view_of(image)
                height, width = view.shown_size(image.height, image.width)
                turn = f" turned by {view.rotation} degrees" if view.rotation else ""
                picture = f"{width}x{height}{turn}{' mirrored' if view.mirrored else ''}"
            pictures.append(picture)
    return pictures
