"""What became of one raw video."""

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Outcome:
    """A video that was prepared, or the reason why it was not.

    Attributes:
        file: its path below the folder of raw videos, or what was looked for there.
        reason: why it failed; empty if it did not.
        clips: the names of the clips made of it.
        notes: what had to be handled, by kind, such as {"variable frame rate": "24.1 frames per second on average"}.
        facts: container, codecs, size, rates, sound layout, seconds.
    """

    file: str
    reason: str = ""
    clips: tuple[str, ...] = ()
    notes: dict[str, str] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def failed(self) -> bool:
        """Whether there is no result."""
        return bool(self.reason)

    def record(self) -> dict[str, Any]:
        """As plain values for json."""
        return {**asdict(self), "clips": list(self.clips)}

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> "Outcome":
        """The inverse of `record`."""
        return cls(**{**record, "clips": tuple(record["clips"])})
