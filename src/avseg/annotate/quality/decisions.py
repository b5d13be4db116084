"""Count how often the quality was right, from what annotators accepted or repaired."""

from collections.abc import Iterable
from dataclasses import dataclass

from avseg.annotate.document.document import Document
from avseg.annotate.document.models import DERIVED, Mark
from avseg.annotate.document.state import Patch
from avseg.annotate.quality.scores import BAD, iou

WRONG = 0.6  # IoU with the repaired mask, below which a propagated mask was wrong rather than imprecise


@dataclass(frozen=True)
class Decision:
    """A propagated mask that a person accepted or repaired."""

    score: float  # of the quality, 0 to 1
    accepted: bool
    iou: float | None = None  # of the propagated mask with the repaired one; None if it was accepted or removed

    @property
    def marked(self) -> bool:
        """True if the frame was listed as one to look at."""
        return self.score < BAD


def decisions_of(document: Document) -> list[Decision]:
    """Collect the decisions about the masks of propagations: the first one about each, undone ones left out.

    A mask counts as accepted, too, if its segment is accepted and nobody has changed it.
    """
    decisions: dict[tuple[int, int, int], Decision] = {}  # by object, frame and age of the mask
    for patch in document.patches:
        for object_id, frame, old, new in _changed_marks(patch):
            if not _is_open(old) or old.score is None:
                continue
            decision = None
            if new is not None and new.accepted and new.counts == old.counts:
                decision = Decision(old.score, True)
            elif new is None or new.source not in DERIVED:
                decision = Decision(old.score, False, _iou_after(document, object_id, frame, old))
            if decision is not None:
                decisions.setdefault((object_id, frame, old.stamp), decision)
    return [*decisions.values(), *_accepted_with_segments(document)]


def quality_rows(decisions: Iterable[Decision]) -> list[dict[str, object]]:
    """Count the decisions about the frames that were marked to look at and about the others."""
    rows: list[dict[str, object]] = []
    decided = list(decisions)
    for title, marked in (("to look at", True), ("looks right", False)):
        group = [decision for decision in decided if decision.marked is marked]
        repaired = [decision for decision in group if not decision.accepted]
        wrong = sum(decision.iou is None or decision.iou < WRONG for decision in repaired)
        accepted = len(group) - len(repaired)
        rows.append({"frames": title, "accepted": accepted, "repaired": len(repaired), "wrong": wrong})
    return rows


def quality_line(rows: list[dict[str, object]]) -> str:
    """Summarise how often the marks were right in one line."""
    (_, accepted_marked, _, wrong_marked), (_, accepted, _, wrong) = (tuple(row.values()) for row in rows)
    phrases = []
    for name, marked, unmarked in (("wrong", wrong_marked, wrong), ("accepted", accepted_marked, accepted)):
        assert isinstance(marked, int)
        assert isinstance(unmarked, int)
        total = marked + unmarked
        if total:
            phrases.append(f"of {total} {name} frames {marked} were marked ({100 * marked / total:.0f} %)")
    return "; ".join(phrases) or "no propagated frame was accepted or repaired yet"


def _changed_marks(patch: Patch) -> list[tuple[int, int, Mark, Mark | None]]:
    """List the marks that a step replaced; a removed or moved segment takes its marks along and is not a decision."""
    if any(key[0] in ("segment", "object") for key in patch):
        return []
    changed = []
    for key, (old, new) in patch.items():
        if key[0] == "mark" and isinstance(old, Mark):
            changed.append((key[1], key[2], old, new))
    return changed


def _is_open(mark: Mark) -> bool:
    return mark.counts is not None and mark.source in DERIVED and not mark.accepted


def _iou_after(document: Document, object_id: int, frame: int, old: Mark) -> float | None:
    mask = document.mask(object_id, frame)
    if mask is None or old.counts is None or document.frame_info(object_id, frame).source in DERIVED:
        return None
    return float(iou(document.decode(old.counts), mask))


def _accepted_with_segments(document: Document) -> list[Decision]:
    decisions = []
    for segment in document.segments.values():
        for frame, score in document.scores(segment.id).items() if segment.status == "accepted" else ():
            info = document.frame_info(segment.object_id, frame)
            if info.source in DERIVED and not info.accepted and not info.stale:
                decisions.append(Decision(score, True))
    return decisions
