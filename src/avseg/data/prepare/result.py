"""The result of preparing one raw video."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Outcome:
    """A prepared video, or the reason why it failed."""

    file: str  # path below the folder of raw videos; of a missing video the expected one
    reason: str = ""  # why it failed; "" if it did not
    clips: tuple[str, ...] = ()  # names of the clips
    # irregularities that were handled, such as {"variable frame rate": "24.1 frames per second on average"}
    notes: dict[str, str] = field(default_factory=dict)
    facts: dict[str, object] = field(default_factory=dict)  # container, codecs, size, rates, sound layout, seconds

    @property
    def failed(self) -> bool:
        """True if the video has no clips."""
        return bool(self.reason)

    def record(self) -> dict[str, object]:
        """Return plain values for json."""
        return {**asdict(self), "clips": list(self.clips)}

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> "Outcome":
        """Restore an outcome from its record."""
        return cls(**{**record, "clips": tuple(record["clips"])})
