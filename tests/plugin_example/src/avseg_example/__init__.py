"""A plugin of avseg. Importing it registers its metric; its classes are found through `conf/`."""

from avseg.metrics.registry import register_metric
from avseg_example.metric import SilentFramesEmpty

register_metric("silent_empty", "left empty", lambda settings: SilentFramesEmpty(), per_clip=True)
