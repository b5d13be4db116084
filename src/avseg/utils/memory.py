"""Memory that does not grow with the length of a video, whatever the allocator of the system does with it."""

import contextlib
import ctypes


def return_free_memory() -> None:
    """Gives what is free back to the system; call it after each chunk of a video.

    The few numbers that are kept of each chunk lie between the holes that its frames and masks leave, and glibc keeps
    the holes: at 720p 50 MB a minute. Where there is no glibc nothing happens.
    """
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
