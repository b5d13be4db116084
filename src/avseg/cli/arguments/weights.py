"""Arguments of `avseg weights` and its subverbs."""

from avseg.cli.arguments.parser import Commands, add_verb

_EPILOG = """\
examples:
  avseg weights                                    what there is: data set, published scores, licence, size
  avseg weights show avsegformer_pvt_ms3           one of them: link, input size, checksum, where the file goes
  avseg weights fetch avsegformer_pvt_ms3 vggish

files are kept in $AVSEG_CACHE (default: ~/.cache/avseg), their SHA-256 in checksums.json there.
"""
_FETCH_EPILOG = """\
A connection that was cut is continued by the same command. Before a file appears in the cache its length and SHA-256,
where known, and the names and shapes of its tensors are checked; code in it is never executed.
"""


def add_parser(commands: Commands) -> None:
    """Add the verb with its subverbs."""
    summary = "published weights by name: list and fetch them"
    parser = add_verb(commands, "weights", summary, "List published weights.", _EPILOG)
    subverbs = parser.add_subparsers(dest="subverb", metavar="SUBVERB")
    _add_show(subverbs)
    _add_fetch(subverbs)


def _add_show(subverbs: Commands) -> None:
    parser = add_verb(subverbs, "show", "everything known about one of them", run="avseg.cli.weights:show")
    parser.add_argument("name", metavar="NAME")


def _add_fetch(subverbs: Commands) -> None:
    summary = "download into the cache folder"
    parser = add_verb(subverbs, "fetch", summary, epilog=_FETCH_EPILOG, run="avseg.cli.weights:fetch")
    parser.add_argument("names", nargs="+", metavar="NAME")
    parser.add_argument("--again", action="store_true", help="download even if the file is there")
