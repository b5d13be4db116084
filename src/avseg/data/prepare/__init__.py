"""From raw videos to the official layout: one frame and one log-mel patch for each second, and the sound."""

from avseg.data.prepare.options import OWN, RULES, Options
from avseg.data.prepare.outcome import Outcome
from avseg.data.prepare.run import prepare

__all__ = ["OWN", "RULES", "Options", "Outcome", "prepare"]
