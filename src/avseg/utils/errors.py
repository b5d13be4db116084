"""The one exception for a mistake that the user can mend."""

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """A user's mistake, told in one line: what and where, the value, what is allowed, what to do.

    The command line prints the message without a traceback and exits with code 2 (`--debug` shows the traceback).
    """


def nearest(name: str, allowed: Iterable[str]) -> str:
    """Says which allowed name was probably meant.

    Args:
        name: what the user wrote.
        allowed: the names that exist.

    Returns:
        `"; did you mean 'x'?"`, or an empty text when nothing is near.
    """
    matches = difflib.get_close_matches(name, sorted(set(allowed)), n=2, cutoff=0.6)
    if not matches:
        return ""
    return "; did you mean " + " or ".join(f"'{match}'" for match in matches) + "?"
