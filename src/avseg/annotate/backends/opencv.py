"""Import OpenCV, which comes with the extra `annotate`."""

from typing import Any

from avseg.utils.errors import UserError

try:
    import cv2
except ImportError as error:  # pragma: no cover
    raise UserError(
        "the package opencv-python-headless is missing; install it with: pip install 'avseg[annotate]'"
    ) from error

cv: Any = cv2
