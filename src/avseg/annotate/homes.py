"""The folders in a project that hold the annotation of each video, shared or of one annotator."""

from contextlib import suppress
from pathlib import Path

from avseg.utils.errors import UserError

HOME = ".avseg"
ANNOTATORS = "annotators"  # folder in it with annotations that are not shared


def homes(folder: Path, annotator: str | None) -> Path:
    """Return the folder with the annotations of all videos, shared or of one annotator."""
    return folder / HOME if annotator is None else folder / HOME / ANNOTATORS / annotator


def refuse_links(home: Path) -> None:
    """Refuse links in the folder of a video: a project from somebody else could make the tool write elsewhere."""
    entries = [home.parent, home]
    with suppress(OSError):  # does not exist yet
        entries += list(home.iterdir())
    for path in entries:
        if path.is_symlink():
            raise UserError(f"{path}: is a link; links in {HOME} are not followed, replace it by what it refers to")
