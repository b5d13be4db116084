"""Memory that does not grow with the length of a video, whatever the allocator of the system does with it."""

import contextlib
import ctypes

_M_MMAP_THRESHOLD = -3
_LARGE = 2**20


def return_large_blocks() -> None:
    """Gives blocks of a megabyte and more back to the system as soon as they are free.

    With each such block that is freed glibc raises the size from which on it does so, up to 32 MB. The few numbers that
    are kept of each chunk of a video then lie between the holes that its frames and masks leave: at 720p that takes 50
    MB a minute. Where there is no glibc nothing happens.
    """
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, _LARGE)
