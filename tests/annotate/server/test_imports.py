import subprocess
import sys

CODE = """
import sys
import avseg.annotate.server
from avseg.annotate.backends import make_propagator, make_segmenter
make_segmenter("light"), make_propagator("light"), make_propagator("flow")
print([name for name in ('torch', 'lightning') if name in sys.modules])
"""


def test_the_server_and_the_light_backends_do_without_torch() -> None:
    # which takes seconds and 450 MB; only learned segmenters, XMem and exports import it
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
