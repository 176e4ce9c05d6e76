"""`godwit-attack` must catch an agent with a guard out. Each mutant is the program with one guard
of the agent taken out, and it must accept what the named cases try; the program as it is holds them
all. A guard is named as in a mutants.txt: by its function and a piece of the code of it.

    test_attack_guards.py              all of them
    test_attack_guards.py rollback_floor …      some, by name"""

import json
import pathlib
import subprocess
import sys
import tempfile

from mutant import BUILD, changed_source, compile_copy, link

ATTACK = BUILD / "godwit-attack"

# name: (function, check, code, what stands there instead, cases)
GUARDS = {
    "instruction-signature": (
        "check_signature", 2, "if (godwit_instruction_verify(data, &policy, &key_index))",
        "if (godwit_instruction_verify(data, &policy, &key_index) > 0)",
        ["instruction-own-key", "instruction-flip-signature", "keys-first-stages"]),
    "policy-of-the-running-image": (
        "godwit_policy_running", 2, "bool is_initial = !godwit_policy_is_present(data);",
        "bool is_initial = true;", ["keys-deploy-retired", "keys-retired-deploy", "key-retired"]),
    "device-id": (
        "godwit_check_instruction", 3,
        "memcmp(out->device_id, agent->facts.device_id, sizeof out->device_id) != 0", "0",
        ["device-other", "device-longer"]),
    "nonce": (
        "godwit_check_instruction", 3,
        "!was_open || memcmp(out->nonce, agent->nonce, sizeof out->nonce) != 0",
        "(void)was_open, false", ["freeze-replay", "freeze-replay-minutes"]),
    "sequence": (
        "godwit_check_instruction", 3,
        "out->sequence <= agent->journal.sequences[*sequence_out].last",
        "false", ["forward-backward", "replay-sequence"]),
    "rollback_floor": (
        "check_fit", 6, "if (install->counter < policy.rollback_floor)", "if (false)",
        ["older-7", "older-1", "older-raised", "keys-deploy-floor"]),
    "downgrade": (
        "check_fit", 6, "if (install->counter < policy.counter &&", "if (false &&",
        ["older-unasked"]),
    "counter": (
        "godwit_check_image", 8, "if (next.counter != journal->install.counter)", "if (false)",
        ["older-lie", "older-lie-first"]),
    "product": (
        "godwit_check_image", 8,
        "if (memcmp(next.product_id, ruling.product_id, sizeof next.product_id) != 0)",
        "if (false)", ["product-lie"]),
    "hardware": (
        "godwit_check_image", 8, "!(next.hardware_mask >> board & 1u)", "false",
        ["hardware-other"]),
    "policy-missing": (
        "godwit_check_image", 8,
        "if (!ruling.is_initial || journal->flags & GODWIT_JOURNAL_HAS_POLICY)",
        "if (false)", ["older-no-policy-0"]),
    "file-digest": (
        "check_file", 10,
        "godwit_digest_is(agent->work.image.file_sha256, agent->journal.install.file_sha256)",
        "true",
        ["mirror-other-build"]),
    "signatures": (
        "check_signatures", 11, "return reason ? reason : check_blocks(agent, &policy);",
        "return reason ? reason : GODWIT_REASON_NONE + 0 * (int)check_blocks(agent, &policy);",
        ["code-own-key", "code-changed-first", "block-crc-only", "ecdsa-r-0", "two-bad"]),
    "trusted-key": (
        "check_blocks", 11, "godwit_policy_trusts(policy, block->key_digest)", "policy->threshold",
        ["code-own-key", "key-thief", "key-other-product"]),
    "distinct-keys": (
        "check_blocks", 11, "if (!is_repeated && ", "if (",
        ["two-same", "two-same-thrice", "two-same-key"]),
    "threshold": (
        "check_blocks", 11, "trusted < policy->threshold ?", "false ?",
        ["two-one-gone", "two-thief", "keys-two-server-one"]),
    "policy-rollback-floor": (
        "check_next", 13, "if (next->rollback_floor < ruling->rollback_floor && !is_undo)",
        "if (is_undo && false)", ["signed-floor", "older-lower-floor", "keys-all-floor"]),
    "policy-keys": (
        "check_next", 13, "if (!shares_key)", "if (false)",
        ["signed-takeover", "keys-all-takeover"]),
    "secure-boot": (
        "check_next", 13,
        "next->flags & GODWIT_POLICY_REQUIRE_SECURE_BOOT && !agent->facts.has_secure_boot", "false",
        ["signed-secure-boot"]),
    "next-ca": (
        "godwit_ca_note", 3,
        "memcmp(announced, instruction->next_ca, sizeof instruction->next_ca) == 0",
        "instruction->next_ca", ["listen-ca-unsigned", "listen-ca-other"]),
}


def run(command, **more):
    return subprocess.run(command, capture_output=True, text=True, check=False, **more)


def build_mutant(folder, name, target="godwit-attack"):
    """A program with one guard taken out."""
    function, _, code, instead, _ = GUARDS[name]
    source, text = changed_source(function, code, instead)
    copy, obj, program = (folder / end for end in ("mutant.c", "mutant.o", target))
    copy.write_text(text)
    compile_copy(source, copy, obj)
    link(target, [obj], program)
    return program


def verdicts(program, cases):
    words = [word for case in cases for word in ("--case", case)]
    played = run([str(program), "--json", *words])
    rows = json.loads(played.stdout)["cases"]
    assert sorted(row["name"] for row in rows) == sorted(cases), rows
    return {row["name"]: row["verdict"] for row in rows}, played.returncode


def medley_is_caught():
    """Random sequences of cases find a board that asks for no signature, too."""
    with tempfile.TemporaryDirectory() as folder:
        mutant = build_mutant(pathlib.Path(folder), "signatures")
        played = run([str(mutant), "--medley", "40"])
    last = played.stdout.splitlines()[-1]
    print(f"medley without signatures: {last}")
    return played.returncode == 1 and "accepted=0" not in last and "--seed" in played.stdout


def main(names):
    unknown = set(names) - set(GUARDS)
    assert not unknown, f"no guard is called {unknown}"
    cases = sorted({case for row in GUARDS.values() for case in row[4]})
    held, status = verdicts(ATTACK, cases)
    assert set(held.values()) == {"held"} and status == 0, held
    failed = 0
    for name in names or GUARDS:
        _, check, _, _, cases = GUARDS[name]
        with tempfile.TemporaryDirectory() as folder:
            mutant = build_mutant(pathlib.Path(folder), name)
            found, status = verdicts(mutant, cases)
        is_caught = set(found.values()) == {"accepted"} and status == 1
        failed += not is_caught
        print(f"{'ok' if is_caught else 'FAILED':7} check {check:2} without {name}: {found}")
    failed += not names and not medley_is_caught()
    print(f"{len(names or GUARDS)} guards taken out, {failed} not missed by godwit-attack")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
