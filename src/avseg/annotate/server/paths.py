"""Confine paths from requests to the project's folder."""

from pathlib import Path

from avseg.utils.errors import UserError

_MAX_NAME = 200  # bytes; file systems take 255, and temporary names are longer
_MAX_DEPTH = 16


def resolve_inside(folder: Path, text: str) -> Path:
    """Resolve a relative path, as the page sent it, inside the project's folder.

    Raises:
        UserError: it is absolute, leaves the folder by `..` or a link, or enters the tool's own folder.
    """
    components = Path(text).parts
    if not text.isprintable() or "\\" in text or Path(text).is_absolute() or ".." in components or not components:
        raise UserError(f"folder {text!r:.80}: give a path inside the project, without '..'")
    if any(name.startswith(".") for name in components):
        raise UserError(f"folder {text!r:.80}: hidden folders belong to the tool; choose another name")
    if any(len(name.encode("utf-8", "replace")) > _MAX_NAME for name in components) or len(components) > _MAX_DEPTH:
        raise UserError(f"folder {text!r:.80}...: is too long; choose a shorter name")
    root = folder.resolve()  # the project itself may be behind a link
    try:
        path = (root / text).resolve()
    except (OSError, RuntimeError) as error:  # a link to itself
        raise UserError(f"folder {text!r:.80} cannot be used ({type(error).__name__}); choose another name") from None
    if not path.is_relative_to(root):  # by a link inside the project
        raise UserError(f"folder {text!r:.80} leads out of the project; choose another name")
    return path
