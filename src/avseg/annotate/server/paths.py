"""Paths from outside stay inside the project's folder, whatever they say and wherever links lead."""

from pathlib import Path

from avseg.utils.errors import UserError

_LONGEST = 200  # bytes of a name; file systems take 255, and ours grow while they are written
_DEEPEST = 16  # folders in each other


def inside(folder: Path, text: str) -> Path:
    """A path inside a folder.

    Args:
        folder: of the project.
        text: relative to it, as the page sent it.

    Raises:
        UserError: it is absolute, leads out by `..` or a link, or into the tool's own folder.
    """
    parts = Path(text).parts
    if not text.isprintable() or "\\" in text or Path(text).is_absolute() or ".." in parts or not parts:
        raise UserError(f"folder {text!r:.80}: give a path inside the project, without '..'")
    if any(part.startswith(".") for part in parts):
        raise UserError(f"folder {text!r:.80}: hidden folders belong to the tool; choose another name")
    if any(len(part.encode("utf-8", "replace")) > _LONGEST for part in parts) or len(parts) > _DEEPEST:
        raise UserError(f"folder {text!r:.80}...: is too long; choose a shorter name")
    root = folder.resolve()
    try:
        path = (root / text).resolve()
    except (OSError, RuntimeError) as error:  # a link to itself
        raise UserError(f"folder {text!r:.80} cannot be used ({type(error).__name__}); choose another name") from None
    if not path.is_relative_to(root):
        raise UserError(f"folder {text!r:.80} leads out of the project; choose another name")
    return path
