"""The annotation tool's server: one page, JSON and binary data, for one person on one machine.

`create_app` builds the application, `serve` runs it. Both need the extra `annotate`.
"""

from avseg.utils.errors import UserError

try:
    from avseg.annotate.server.app import create_app
    from avseg.annotate.server.launch import serve
except ModuleNotFoundError as error:  # pragma: no cover
    if (error.name or "").startswith("avseg"):
        raise
    raise UserError(f"the annotation tool needs {error.name}: pip install 'avseg[annotate]'") from error

__all__ = ["create_app", "serve"]
