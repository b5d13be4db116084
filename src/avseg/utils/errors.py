"""The exception for mistakes that the user can correct."""

import difflib
from collections.abc import Iterable


class UserError(ValueError):
    """User-facing error with a one-line message: location, value, what is allowed, what to do.

    The command line prints the message without a traceback and exits with code 2 (`--debug` shows the traceback).
    Library users may catch it as a ValueError.
    """


def nearest(name: str, allowed: Iterable[str]) -> str:
    """Suggest the allowed names that are closest to a misspelt one, as `"; did you mean 'x'?"`; empty if none is."""
    matches = difflib.get_close_matches(name, sorted(set(allowed)), n=2, cutoff=0.6)
    if not matches:
        return ""
    return "; did you mean " + " or ".join(f"'{match}'" for match in matches) + "?"
