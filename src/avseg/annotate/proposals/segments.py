"""Turn proposals into audible segments of a document."""

from collections.abc import Iterable

from avseg.annotate.document.document import Document
from avseg.annotate.document.operations import AddObject, AddSegment
from avseg.annotate.proposals.energy import Proposal
from avseg.utils.errors import UserError


def add_proposals(document: Document, proposals: Iterable[Proposal], object_id: int | None = None) -> list[int]:
    """Add proposals as segments, in one step, and return their ids; those that overlap a segment are left out.

    Without an object they belong to the one with the label of the proposal, which is added if missing.
    """
    added = []
    with document.transaction("propose"):
        for proposal in proposals:
            owner = _object_with_label(document, proposal.label) if object_id is None else object_id
            segments = document.segments_of(owner)
            if any(segment.start < proposal.end and proposal.start < segment.end for segment in segments):
                continue
            segment_id = document.do(AddSegment(object_id=owner, start=proposal.start, end=proposal.end)).segment_id
            assert segment_id is not None
            added.append(segment_id)
    return added


def _object_with_label(document: Document, label: str | None) -> int:
    """Return the id of the first object with a label; add one if it does not exist."""
    if label is None:
        raise UserError("add_proposals: these proposals have no label; give the object they belong to")
    for object_id, existing in document.objects.items():
        if existing.label == label:
            return object_id
    added = document.do(AddObject(label=label)).object_id
    assert added is not None
    return added
