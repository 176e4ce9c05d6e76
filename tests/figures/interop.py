#!/usr/bin/env python3
"""Figure interop: godwit against esptool and espsecure, both ways.

What we pack, esptool must find valid and of the right chip; what we sign, espsecure must verify and
name by the same key digest; what they sign, we must find good; blocks are appended in turns; and a
changed byte must be refused by both. Each row of a table is a case; a disagreement is printed.

esptool and espsecure are called in this process, which is a hundred times faster than starting
them; godwit is the program as it is built. The environment comes from tests/venv.sh.
"""
import contextlib
import io
import itertools
import json
import os
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
GODWIT = os.environ.get("GODWIT", str(ROOT / "build" / "godwit"))
CASES_MIN = 40
SCHEMES = ("rsa3072", "ecdsa256", "ecdsa384")
# Names and ids as the formats have them; esptool's own tables are asked for the same.
CHIPS = {
    "esp32": 0x00, "esp32s2": 0x02, "esp32c3": 0x05, "esp32s3": 0x09, "esp32c2": 0x0C,
    "esp32c6": 0x0D, "esp32h2": 0x10, "esp32p4": 0x12, "esp32c61": 0x14, "esp32c5": 0x17,
    "esp32h21": 0x19, "esp32h4": 0x1C, "esp32e22": 0x1F, "esp32s31": 0x20,
}

if "TESTED_IN_VENV" not in os.environ:
    venv = subprocess.run([ROOT / "tests" / "venv.sh"], check=True, capture_output=True, text=True)
    python = venv.stdout.strip() + "/bin/python"
    os.execve(python, [python, __file__], dict(os.environ, TESTED_IN_VENV="1"))

import espsecure  # noqa: E402
import esptool  # noqa: E402
from esptool.bin_image import LoadFirmwareImage  # noqa: E402

results = []


def case(name, *agreements):
    """One case: every agreement must be true."""
    results.append(all(agreements))
    if not results[-1]:
        print(f"DISAGREE {name}: {agreements}", file=sys.stderr)


def godwit(*words):
    """True when the command says done."""
    return subprocess.run([GODWIT, *map(str, words)], capture_output=True).returncode == 0


def inspect(path):
    """The JSON of `godwit inspect`, and whether it found the file sound."""
    done = subprocess.run([GODWIT, "inspect", "--json", path], capture_output=True)
    return json.loads(done.stdout), done.returncode == 0


def quietly(function, *args, **options):
    """(went well, what was printed): the tools raise on refusal and print the rest."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        try:
            function(*args, **options)
        except Exception as fault:  # their own FatalError, and struct or assertion errors
            return False, str(fault)
    return True, out.getvalue()


def their_verify(key, path):
    with open(key, "rb") as k, open(path, "rb") as f:
        return quietly(espsecure.verify_signature_v2, False, None, k, f)[0]


def their_digest(key):
    with open(key, "rb") as k:
        return espsecure._digest_sbv2_public_key(k).hex()


def their_info(path):
    """Key digests of the blocks that espsecure signature-info-v2 calls valid."""
    with open(path, "rb") as f:
        went_well, text = quietly(espsecure.signature_info_v2, f)
    if not went_well:
        return None
    return [line.split(":", 1)[1].replace(" ", "")
            for line in text.splitlines() if line.startswith("Public key digest")]


def their_sign(key, source, target, append=False):
    with open(key, "rb") as k, open(source, "rb") as f:
        return quietly(espsecure.sign_secure_boot_v2, [k], str(target), append, False, None, [], [],
                       f)[0]


def their_opinion(path):
    """What esptool image-info says: (chip id, checksum valid, hash valid)."""
    with contextlib.redirect_stdout(io.StringIO()):
        data = path.read_bytes()
        chip = esptool.cmds._parse_image_info_header(data)
        image = LoadFirmwareImage(chip, data)
    return (image.chip_id, image.checksum == image.calculate_checksum(),
            image.append_digest and image.calc_digest == image.stored_digest)


def good_blocks(report):
    return [block["key_digest"] for block in report["signatures"] if block["good"]]


def make_keys(folder):
    ours, theirs = {}, {}
    for scheme in SCHEMES:
        ours[scheme] = folder / f"our-{scheme}.pem"
        theirs[scheme] = folder / f"their-{scheme}.pem"
        assert godwit("keygen", "--scheme", scheme, ours[scheme])
        assert quietly(espsecure.generate_signing_key, "2", scheme, str(theirs[scheme]))[0]
    return ours, theirs


def compare_keys(folder, image, ours, theirs):
    for scheme, key in list(ours.items()) + list(theirs.items()):
        public, signed = folder / "public.pem", folder / "keys.bin"
        with open(key, "rb") as k, open(public, "wb") as p:
            quietly(espsecure.extract_public_key, "2", k, p)
        godwit("sign", "--key", key, image, signed)
        digests = good_blocks(inspect(signed)[0])
        case(f"key {key.name}", digests == [their_digest(key)], their_digest(public) == digests[0],
             godwit("verify", "--key", public, signed), godwit("verify", "--key", key, signed),
             their_verify(public, signed))


def compare_chips(folder, ours, theirs):
    for chip, chip_id in CHIPS.items():
        image, signed = folder / f"{chip}.bin", folder / "signed.bin"
        assert godwit("pack", "--chip", chip, "--version", "1.2.3", "--size", 20000, image)
        report, sound = inspect(image)
        case(f"pack {chip}", sound, report["chip"] == chip, report["version"] == "1.2.3",
             report["chip_id"] == chip_id, their_opinion(image) == (chip_id, True, True))
        for scheme in SCHEMES:
            case(f"{chip} signed by us, {scheme}",
                 godwit("sign", "--key", ours[scheme], image, signed),
                 their_verify(ours[scheme], signed),
                 their_info(signed) == [their_digest(ours[scheme])])
            signed_ok = their_sign(theirs[scheme], image, signed)
            report, sound = inspect(signed)
            case(f"{chip} signed by espsecure, {scheme}", signed_ok, sound,
                 [b["scheme"] for b in report["signatures"]] == [scheme],
                 good_blocks(report) == [their_digest(theirs[scheme])],
                 godwit("verify", "--key", theirs[scheme], signed))


def compare_policies(folder, ours, theirs):
    """A policy put into a placeholder, for each chip: valid for esptool, signed by espsecure, found
    good by us; and replaced by another as long as nobody has signed."""
    for chip, chip_id in CHIPS.items():
        image, filled, signed = (folder / name for name in ("p.bin", "filled.bin", "signed.bin"))
        assert godwit("pack", "--chip", chip, "--size", 20000, image)
        empty = inspect(image)[0]
        put = godwit("policy", image, "--counter", 3, "--key", theirs["rsa3072"], "--key",
                     ours["ecdsa384"], "--deploy-key", ours["ecdsa256"], "--out", filled)
        again = godwit("policy", filled, "--counter", 4, "--key", theirs["rsa3072"],
                       "--no-deploy-key")
        policy = inspect(filled)[0]["policy"]
        signed_ok = their_sign(theirs["rsa3072"], filled, signed)
        report, sound = inspect(signed)
        case(f"policy for {chip}", put, again, empty["policy_place"] == "placeholder",
             their_opinion(filled) == (chip_id, True, True), policy["counter"] == 4,
             policy["image_keys"] == [their_digest(theirs["rsa3072"])], signed_ok, sound,
             report["policy"]["signed_by"] == policy["image_keys"],
             godwit("verify", "--key", theirs["rsa3072"], signed),
             not godwit("policy", signed, "--counter", 5, "--key", theirs["rsa3072"]))


def compare_turns(folder, image, ours, theirs):
    """Three blocks in every order of schemes, who signs first in turns; then a fourth."""
    for order, we_begin in itertools.product(itertools.permutations(SCHEMES), (True, False)):
        path, want, agreed = image, [], True
        for i, scheme in enumerate(order):
            target = folder / f"turn{i}.bin"
            ours_now = (i % 2 == 0) == we_begin
            key = (ours if ours_now else theirs)[scheme]
            if ours_now:
                agreed &= godwit("sign", "--key", key, path, target)
            else:
                agreed &= their_sign(key, path, target, append=i > 0)
            want.append(their_digest(key))
            agreed &= good_blocks(inspect(target)[0]) == want and their_info(target) == want
            path = target
        fourth = folder / "fourth.bin"
        stranger = next(key for key in (ours["rsa3072"], theirs["rsa3072"])
                        if their_digest(key) not in want)
        case(f"turns {order} we begin: {we_begin}", agreed,
             not godwit("sign", "--key", stranger, path, fourth),
             not their_sign(stranger, path, fourth, append=True))


def compare_damage(folder, image, ours):
    """A flipped byte, the wrong key and a cut file: refused by both."""
    for scheme, other in zip(SCHEMES, SCHEMES[1:] + SCHEMES[:1]):
        signed, damaged = folder / "signed.bin", folder / "damaged.bin"
        assert godwit("sign", "--key", ours[scheme], image, signed)
        good, body = signed.read_bytes(), signed.stat().st_size - 4096
        signature = body + (812 if scheme == "rsa3072" else 149)
        places = {"header": 5, "body": 9000, "padding": body - 1, "digest": body + 10,
                  "key": body + 60, "signature": signature + 7, "crc": body + 1197}
        for what, at in places.items():
            data = bytearray(good)
            data[at] ^= 0x20
            damaged.write_bytes(data)
            case(f"{scheme} flipped in {what}",
                 not godwit("verify", "--key", ours[scheme], damaged), not inspect(damaged)[1],
                 not their_verify(ours[scheme], damaged))
        damaged.write_bytes(good[:-4096])
        case(f"{scheme} sector cut off", not godwit("verify", "--key", ours[scheme], damaged),
             not their_verify(ours[scheme], damaged))
        case(f"{scheme} asked for another key",
             not godwit("verify", "--key", ours[other], signed),
             not their_verify(ours[other], signed))


def compare_examples(folder, ours, theirs):
    """The program that a compiler made and elf2image packed, plain and padded for Secure Boot."""
    subprocess.run([ROOT / "examples" / "build.sh", folder], check=True, capture_output=True)
    elf = folder / "minimal-1.0.0.elf"
    for padded in (False, True):
        image, signed = folder / "example.bin", folder / "example-signed.bin"
        words = ["--chip", "esp32c3", "elf2image", "--elf-sha256-offset", "0xb0", "-o", str(image)]
        words += ["--secure-pad-v2"] if padded else []
        with contextlib.redirect_stdout(io.StringIO()):
            esptool.main(words + [str(elf)])
        report, sound = inspect(image)
        case(f"elf2image, padded: {padded}", sound, report["project"] == "minimal",
             report["version"] == "1.0.0", their_opinion(image) == (5, True, True),
             not padded or report["size"] % 65536 == 0)
        case(f"elf2image signed by us, padded: {padded}",
             godwit("sign", "--key", ours["rsa3072"], image, signed),
             their_verify(ours["rsa3072"], signed), inspect(signed)[1])
        filled = folder / "example-policy.bin"
        case(f"elf2image with a policy, padded: {padded}", report["policy_place"] == "placeholder",
             godwit("policy", image, "--counter", 1, "--key", theirs["rsa3072"], "--no-deploy-key",
                    "--out", filled),
             their_opinion(filled) == (5, True, True), filled.stat().st_size == report["size"],
             their_sign(theirs["rsa3072"], filled, signed), inspect(signed)[1],
             inspect(signed)[0]["policy"]["product"] == "minimal")
        case(f"elf2image signed by espsecure, padded: {padded}",
             their_sign(theirs["rsa3072"], image, signed),
             godwit("verify", "--key", theirs["rsa3072"], signed), inspect(signed)[1])


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        ours, theirs = make_keys(folder)
        compare_chips(folder, ours, theirs)
        image = folder / "esp32c3.bin"
        compare_keys(folder, image, ours, theirs)
        compare_policies(folder, ours, theirs)
        compare_turns(folder, image, ours, theirs)
        compare_damage(folder, image, ours)
        compare_examples(folder, ours, theirs)
    disagreements = results.count(False)
    print(f"figure interop cases={len(results)} disagreements={disagreements}")
    return 0 if len(results) >= CASES_MIN and not disagreements else 1


if __name__ == "__main__":
    sys.exit(main())
