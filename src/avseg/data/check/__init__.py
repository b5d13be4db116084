"""Tells whether a data set is complete and sound, and what is in it."""

from avseg.data.check.findings import KINDS, Finding, Report
from avseg.data.check.fixes import mend
from avseg.data.check.inspect import find_settings, inspect_set, statistics_of
from avseg.data.check.published import Expected
from avseg.data.check.sources import SOURCES, Source, find_source
from avseg.data.check.statistics import Statistics

__all__ = [
    "KINDS",
    "SOURCES",
    "Expected",
    "Finding",
    "Report",
    "Source",
    "Statistics",
    "find_settings",
    "find_source",
    "inspect_set",
    "mend",
    "statistics_of",
]
