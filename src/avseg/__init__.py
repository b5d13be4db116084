"""avseg: mark the pixels of the objects that sound.

    import avseg

    model = avseg.load("outputs/demo/RUN/seed=123")      # a run or a checkpoint
    result = avseg.predict(model, "video.mp4")           # iterates (time, probability map), with flat memory
    result.save("prediction")                            # overlay, masks, json
    scores = avseg.evaluate("outputs/demo/RUN/seed=123")

The functions are imported when they are first used, so that `import avseg` stays fast.
"""

import importlib
from typing import TYPE_CHECKING, Any

from avseg.utils.errors import UserError
from avseg.utils.late_imports import delay_unneeded

if TYPE_CHECKING:
    from avseg.api import evaluate, load, predict

__version__ = "0.1.0"
__all__ = ["UserError", "__version__", "evaluate", "load", "predict"]

delay_unneeded()


def __getattr__(name: str) -> Any:
    if name in ("evaluate", "load", "predict"):
        return getattr(importlib.import_module("avseg.api"), name)
    raise AttributeError(f"module 'avseg' has no attribute '{name}'")
