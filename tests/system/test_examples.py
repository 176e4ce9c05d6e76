#!/usr/bin/env python3
"""The example programs: compiled, packed by esptool, and read the same by `godwit inspect` and by
`esptool image-info`. Our own packer, given the same description, must read the same again. Their
placeholder takes a policy, as examples/README.md shows it."""
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
GODWIT = os.environ.get("GODWIT", str(ROOT / "build" / "godwit"))
# name, version, behaviour, delay in seconds
EXAMPLES = (
    ("minimal-1.0.0", "1.0.0", "healthy", 0),
    ("minimal-1.1.0", "1.1.0", "healthy", 0),
    ("minimal-1.1.0-crash-at-boot", "1.1.0", "crash-at-boot", 0),
    ("minimal-1.1.0-hang", "1.1.0", "hang", 1),
    ("minimal-1.1.0-no-network", "1.1.0", "no-network", 0),
    ("minimal-1.1.0-crash-after-confirm", "1.1.0", "crash-after-confirm", 5),
)
# fields that both tools print, and how esptool writes them
PATTERNS = {
    "project": r"Project name: (.*)",
    "version": r"App version: (.*)",
    "secure_version": r"Secure version: (\d+)",
    "idf_version": r"ESP-IDF: (.*)",
    "chip_id": r"Chip ID: (\d+) ",
    "segments": r"Segments: (\d+)",
    "entry": r"Entry point: (0x[0-9a-f]+)",
    "size": r"Image size: (\d+) bytes",
    "image_sha256": r"Validation hash: ([0-9a-f]{64}) \(valid\)",
    "checksum": r"Checksum: 0x[0-9a-f]{2} \((valid)\)",
}


def run(*words):
    return subprocess.run([str(word) for word in words], capture_output=True, text=True)


def esptool_says(esptool, path):
    text = run(esptool, "image-info", path).stdout
    found = {}
    for name, pattern in PATTERNS.items():
        match = re.search(pattern, text)
        found[name] = match.group(1).strip() if match else None
    return found


def godwit_says(path):
    done = run(GODWIT, "inspect", "--json", path)
    report = json.loads(done.stdout)
    said = {name: str(report[name]) for name in PATTERNS if name in report}
    said["entry"] = hex(report["entry"])
    said["checksum"] = "valid" if done.returncode == 0 else None
    return said, report["behaviour"]


def compare(esptool, path, version, behaviour):
    theirs = esptool_says(esptool, path)
    ours, our_behaviour = godwit_says(path)
    assert ours == theirs, f"{path.name}\n  godwit  {ours}\n  esptool {theirs}"
    assert ours["version"] == version and ours["project"] == "minimal", ours
    assert our_behaviour == behaviour, (path.name, our_behaviour)


def fill(esptool, folder, path):
    """The commands of examples/README.md: policy, sign, inspect."""
    key, filled, signed = (folder / name for name in ("maker.pem", "policy.bin", "signed.bin"))
    put = ("policy", path, "--counter", 1, "--key", key, "--no-deploy-key", "--out", filled)
    for words in (("keygen", key), put, ("sign", "--key", key, filled, signed)):
        done = run(GODWIT, *words)
        assert done.returncode == 0, (words, done.stderr)
    compare(esptool, filled, "1.0.0", "healthy")
    said = run(GODWIT, "inspect", signed).stdout
    for wanted in ("product minimal (", "release counter 1", ", signed this file", "Sound: "):
        assert wanted in said, (wanted, said)


def main():
    venv = pathlib.Path(run(ROOT / "tests" / "venv.sh").stdout.strip())
    esptool = venv / "bin" / "esptool"
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        subprocess.run([ROOT / "examples" / "build.sh", folder], check=True, capture_output=True)
        for example, version, behaviour, delay in EXAMPLES:
            built, packed = folder / f"{example}.bin", folder / "packed.bin"
            compare(esptool, built, version, behaviour)
            done = run(GODWIT, "pack", "--project", "minimal", "--version", version, "--behaviour",
                       behaviour, "--delay", delay, packed)
            assert done.returncode == 0, done.stderr
            compare(esptool, packed, version, behaviour)
            # descriptor's version and project, and the whole behaviour block, byte for byte
            for start, end in ((48, 112), (0x268, 0x278)):
                assert built.read_bytes()[start:end] == packed.read_bytes()[start:end], example
        fill(esptool, folder, folder / f"{EXAMPLES[0][0]}.bin")
    print(f"{2 * len(EXAMPLES) + 1} images read alike")
    return 0


if __name__ == "__main__":
    sys.exit(main())
