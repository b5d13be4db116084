import subprocess
import sys

CODE = "import sys, avseg.annotate.server; print([name for name in ('torch', 'lightning') if name in sys.modules])"


def test_the_server_starts_without_torch() -> None:
    # which takes seconds and 450 MB; only what propagates with a network, or exports, imports it
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
