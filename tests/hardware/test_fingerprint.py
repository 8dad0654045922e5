import json
import subprocess
import sys
from importlib.metadata import version

from autocompress.hardware.fingerprint import fingerprint_digest, hardware_fingerprint


def test_it_is_the_same_in_another_process():
    program = "from autocompress.hardware.fingerprint import *; print(fingerprint_digest(hardware_fingerprint(2)))"
    there = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert there.stdout.strip() == fingerprint_digest(hardware_fingerprint(2))


def test_it_is_json_and_names_versions_and_threads():
    fingerprint = hardware_fingerprint(1)
    assert json.loads(json.dumps(fingerprint)) == fingerprint
    assert fingerprint["onnxruntime"] == version("onnxruntime")
    assert fingerprint["threads"] == 1
    assert fingerprint["cores"] >= 1
    assert fingerprint["cpu"]


def test_any_difference_changes_the_digest():
    fingerprint = hardware_fingerprint(1)
    digests = {fingerprint_digest({**fingerprint, key: "other"}) for key in fingerprint}
    assert len(digests | {fingerprint_digest(fingerprint)}) == len(fingerprint) + 1
    shuffled = dict(reversed(list(fingerprint.items())))
    assert fingerprint_digest(shuffled) == fingerprint_digest(fingerprint)
