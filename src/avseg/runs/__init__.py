"""The run directory: identity, files, manifest, completion."""

from avseg.runs.directory import RunDirectory, read_config, read_json, write_json
from avseg.runs.find import checkpoint_of
from avseg.runs.identity import run_hash, run_id, slug

__all__ = ["RunDirectory", "checkpoint_of", "read_config", "read_json", "run_hash", "run_id", "slug", "write_json"]
