"""Packages that only some models need, and the extras of avseg that install them."""

import importlib.util

from avseg.utils.errors import UserError


def require_transformers(subject: str, extra: str) -> None:
    """Check that `transformers` is installed; otherwise a `UserError` names the extra of avseg that installs it."""
    if importlib.util.find_spec("transformers") is None:
        raise UserError(f"{subject} needs the package transformers; install it with: pip install 'avseg[{extra}]'")
