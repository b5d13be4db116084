"""Arguments of `avseg weights` and its subverbs."""

import argparse
from pathlib import Path

from avseg.cli.arguments.parser import Commands, add_verb

_EPILOG = """\
examples:
  avseg weights                                    what there is: data set, published scores, licence, size
  avseg weights show avsegformer_pvt_ms3           one of them: link, input size, checksum, where the file goes
  avseg weights fetch avsegformer_pvt_ms3 vggish
  avseg weights push outputs/demo/RUN/seed=123 --repo owner/name

predict, evaluate, convert and train (init=checkpoint) take these names directly, and fetch what is missing:
  avseg predict my_video.mp4 --model avsegformer_pvt_ms3
  avseg evaluate checkpoint=aavs_ms3 root=data/AVSBench/Multi-sources
A file that you have already: put it where `show` says, or give its path in place of the name.

files are kept in $AVSEG_CACHE (default: ~/.cache/avseg), their SHA-256 in checksums.json there.
"""
_FETCH_EPILOG = """\
A connection that was cut is continued by the same command. Before a file appears in the cache its length and SHA-256,
where known, and the names and shapes of its tensors are checked; code in it is never executed.
"""
_PUSH_EPILOG = """\
writes model.safetensors, config.json, result.json and a model card (README.md): data, scores with controls and 95 %
intervals, command, versions, licence, how to use. Paths on this machine are left out. The Hub's token is that of
`hf auth login`.
examples:
  avseg weights push outputs/demo/RUN/seed=123 --repo owner/name --licence cc-by-nc-4.0
  avseg weights push outputs/demo/RUN/seed=123 --out exported
  avseg predict my_video.mp4 --model hf:owner/name         (or --model exported)
"""


def add_parser(commands: Commands) -> None:
    """Add the verb with its subverbs."""
    summary = "published weights by name, and your own on the Hugging Face Hub"
    parser = add_verb(commands, "weights", summary, "List published weights.", _EPILOG)
    subverbs = parser.add_subparsers(dest="subverb", metavar="SUBVERB")
    _add_show(subverbs)
    _add_fetch(subverbs)
    _add_push(subverbs)


def _add_show(subverbs: Commands) -> None:
    parser = add_verb(subverbs, "show", "everything known about one of them", run="avseg.cli.weights:show")
    parser.add_argument("name", metavar="NAME", help="a name that `avseg weights` lists")


def _add_fetch(subverbs: Commands) -> None:
    summary = "download into the cache folder"
    parser = add_verb(subverbs, "fetch", summary, epilog=_FETCH_EPILOG, run="avseg.cli.weights:fetch")
    parser.add_argument("names", nargs="+", metavar="NAME", help="names that `avseg weights` lists")
    parser.add_argument("--again", action="store_true", help="download even if the file is there")


def _add_push(subverbs: Commands) -> None:
    summary = "share a run on the Hugging Face Hub, or as a folder"
    parser = add_verb(subverbs, "push", summary, epilog=_PUSH_EPILOG, run="avseg.cli.weights_push:run")
    parser.add_argument("source", metavar="RUN", help="a run, or a checkpoint file")
    target: argparse._MutuallyExclusiveGroup = parser.add_mutually_exclusive_group(required=True)
    target.add_argument("--repo", metavar="OWNER/NAME", help="a repository of the Hub; made if it does not exist")
    target.add_argument("--out", type=Path, metavar="DIR", help="a folder to write instead")
    parser.add_argument("--private", action="store_true", help="with --repo: make it private")
    parser.add_argument("--licence", "--license", help="of the weights, as the Hub names it, such as apache-2.0")
