"""File names of any content: shown on one line of a terminal, shortened to what a file system allows."""

import os
from hashlib import sha256

MAX_BYTES = 255  # of a file name, on all usual file systems


_JOINERS = str.maketrans("", "", "\u200c\u200d")  # in emoji, and in Persian and Indic words


def is_one_line(text: str) -> bool:
    """True for a text without control characters, line breaks and marks that reverse other text."""
    return text.translate(_JOINERS).isprintable()


def printable(text: object) -> str:
    r"""Return a text, such as a path, with escapes for what a terminal or UTF-8 cannot show: line breaks, stray bytes.

    A name need not be valid UTF-8: Python reads the byte 0xff as the surrogate "\udcff", shown as that escape.
    """
    characters = []
    for character in str(text):
        escaped = character if character.isprintable() else character.encode("unicode_escape").decode()
        characters.append(escaped)
    return "".join(characters)


def short_name(name: str, limit: int = MAX_BYTES, suffix: str = "") -> str:
    """Append `suffix` to a file name; a name that would exceed `limit` bytes is cut and gets a digest of the whole.

    A name that fits is not changed.
    """
    content = os.fsencode(name)
    limit -= len(os.fsencode(suffix))
    if len(content) > limit:
        digest = sha256(content).hexdigest()[:8]
        name = content[: limit - len(digest) - 1].decode(errors="ignore") + f"-{digest}"
    return name + suffix
