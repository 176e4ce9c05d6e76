"""A sample of what is done to an audit log, and every address that a webhook must not reach."""
import os
import pathlib
import subprocess
import sys

TESTS = pathlib.Path(os.environ["TESTED_BUILD"]) / "tests"
for words in (["figure_tamper", "--records", "30"], ["figure_ssrf"]):
    subprocess.run([TESTS / words[0], *words[1:]], check=True, stdout=sys.stdout)
