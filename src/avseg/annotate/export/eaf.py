"""Segments for ELAN: an EAF file with a tier for each object, time-aligned with the video.

The format: Max Planck Institute for Psycholinguistics, "ELAN Annotation Format", schema EAFv3.0.xsd.
"""

import mimetypes
import xml.etree.ElementTree as ET
from datetime import datetime
from pathlib import Path

import numpy as np

from avseg.annotate.export.source import Source

XSI = "http://www.w3.org/2001/XMLSchema-instance"
SCHEMA = "http://www.mpi.nl/tools/elan/EAFv3.0.xsd"
KIND = "audible segment"


def write(folder: Path, source: Source) -> None:
    """Writes `{video}.eaf`; put the video beside it, and ELAN opens both.

    Boundaries are whole milliseconds: the first in which the frame is on the screen, so that a reader who asks which
    frame is shown then gets the very frame.
    """
    ET.register_namespace("xsi", XSI)
    root = ET.Element(
        "ANNOTATION_DOCUMENT",
        {
            "AUTHOR": "avseg annotate",
            "DATE": datetime.now().astimezone().isoformat(timespec="seconds"),
            "FORMAT": "3.0",
            "VERSION": "3.0",
            f"{{{XSI}}}noNamespaceSchemaLocation": SCHEMA,
        },
    )
    _add_header(root, source)
    _add_tiers(root, source)
    kind = {"LINGUISTIC_TYPE_ID": KIND, "TIME_ALIGNABLE": "true", "GRAPHIC_REFERENCES": "false"}
    ET.SubElement(root, "LINGUISTIC_TYPE", kind)
    ET.indent(root)
    ET.ElementTree(root).write(folder / f"{source.id}.eaf", encoding="UTF-8", xml_declaration=True)


def milliseconds(source: Source, frame: int) -> int:
    """The first whole millisecond at which a frame (or the end of the video) is reached."""
    return int(np.ceil(round(float(source.film.index.edges()[frame]) * 1000, 3)))


def _add_header(root: ET.Element, source: Source) -> None:
    name = source.film.path.name
    header = ET.SubElement(root, "HEADER", {"MEDIA_FILE": "", "TIME_UNITS": "milliseconds"})
    kind = mimetypes.guess_type(name)[0] or "video/mp4"
    media = {"MEDIA_URL": f"./{name}", "MIME_TYPE": kind, "RELATIVE_MEDIA_URL": f"./{name}"}
    ET.SubElement(header, "MEDIA_DESCRIPTOR", media)
    used = ET.SubElement(header, "PROPERTY", {"NAME": "lastUsedAnnotationId"})
    used.text = str(len(source.segments))


def _add_tiers(root: ET.Element, source: Source) -> None:
    order = ET.SubElement(root, "TIME_ORDER")
    moments = sorted(
        (milliseconds(source, frame), segment.id, place)
        for segment in source.segments
        for place, frame in enumerate((segment.start, segment.end))
    )
    slots: dict[tuple[int, int], str] = {}
    for number, (moment, segment_id, place) in enumerate(moments, 1):
        slots[segment_id, place] = f"ts{number}"
        ET.SubElement(order, "TIME_SLOT", {"TIME_SLOT_ID": f"ts{number}", "TIME_VALUE": str(moment)})
    numbers = {segment.id: f"a{place}" for place, segment in enumerate(source.segments, 1)}
    for object, item in source.objects.items():
        about = {"LINGUISTIC_TYPE_REF": KIND, "TIER_ID": f"{object} {item.name or item.label}"}
        tier = ET.SubElement(root, "TIER", about)
        for segment in (segment for segment in source.segments if segment.object_id == object):
            refs = {"TIME_SLOT_REF1": slots[segment.id, 0], "TIME_SLOT_REF2": slots[segment.id, 1]}
            marks = {"ANNOTATION_ID": numbers[segment.id], **refs}
            value = ET.SubElement(ET.SubElement(tier, "ANNOTATION"), "ALIGNABLE_ANNOTATION", marks)
            ET.SubElement(value, "ANNOTATION_VALUE").text = item.label
