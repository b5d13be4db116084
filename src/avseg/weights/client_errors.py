"""Errors of the download clients, which raise dozens of types."""

import errno
import re

_LOCAL = (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS, errno.EPERM, errno.ENOTDIR)


def is_local(error: Exception) -> bool:
    """True for a full disk, a missing permission and the like, which the command reports, not the download."""
    return isinstance(error, OSError) and error.errno in _LOCAL


def reason(error: BaseException) -> str:
    """Describe an error of a client briefly: the innermost one, without addresses of objects."""
    while isinstance(error.__cause__ or error.__context__, Exception):
        error = error.__cause__ or error.__context__  # type: ignore[assignment]
    text = re.sub(r"<[^>]*>|\(Caused by.*|\[Errno -?\d+\] ", "", " ".join(str(error).split())).strip(" :")
    return " ".join(text.split()[:16]) or type(error).__name__
