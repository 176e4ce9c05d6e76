#!/usr/bin/env python3
"""What `make install` and `make deb` put where: the program, its manual page, completions that the
shells take, a unit that systemd takes and calls safe, settings that the program takes and that a
second install leaves alone."""
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("TESTED_BUILD", ROOT / "build"))
EXPOSURE_MAX = 2.0  # of 10, by systemd's own count


def run(*words, **options):
    done = subprocess.run([*map(str, words)], capture_output=True, text=True, timeout=600,
                          check=False, **options)
    assert done.returncode == 0, (words, done.stdout, done.stderr)
    return done.stdout + done.stderr


def install(folder, prefix):
    run("cmake", "--install", BUILD, "--prefix", prefix, env=dict(os.environ, DESTDIR=str(folder)))


def check_program(root):
    assert "updates ESP32 devices" in run(root / "bin/godwit", "help")
    page = run("man", "-l", "--warnings", root / "share/man/man1/godwit.1",
               env=dict(os.environ, MANWIDTH="100", LANG="C.UTF-8")) \
        if shutil.which("man") else (root / "share/man/man1/godwit.1").read_text()
    for word in ("keygen", "serve", "interval", "backup"):
        assert word in page, word
    assert "warning" not in page, page


def check_completions(root):
    script = root / "share/bash-completion/completions/godwit"

    def completed(words, index):
        line = (f"source {script}; COMP_WORDS=(godwit {words}); COMP_CWORD={index}; _godwit; "
                "echo ${COMPREPLY[@]}")
        return subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=600,
                              check=True).stdout.split()

    assert completed("ser", 1) == ["serve"]
    assert completed("serve --int", 2) == ["--interval"]
    for name, shell in (("share/zsh/site-functions/_godwit", "zsh"),
                        ("share/fish/vendor_completions.d/godwit.fish", "fish")):
        text = (root / name).read_text()
        assert "--interval" in text or "-l interval" in text
        if shutil.which(shell):
            run(shell, "-n", root / name)


def check_unit(folder, root, settings):
    unit = root / "lib/systemd/system/godwit.service"
    text = unit.read_text()
    program, path = re.search(r"^ExecStart=(\S+) serve --settings (\S+)$", text, re.M).groups()
    assert (folder / program.lstrip("/")).exists() and (folder / path.lstrip("/")) == settings
    if not shutil.which("systemd-analyze"):
        return
    said = run("systemd-analyze", "security", "--offline=true", unit, cwd="/")
    exposure = float(re.search(r"exposure level for \S+: ([0-9.]+)", said)[1])
    print(f"systemd-analyze security: {exposure} (0 safest, 10 exposed)")
    assert exposure <= EXPOSURE_MAX, said


def test():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        install(folder, "/usr")
        settings = folder / "etc/godwit/godwit.conf"
        check_program(folder / "usr")
        check_completions(folder / "usr")
        check_unit(folder, folder / "usr", settings)
        assert run(folder / "usr/bin/godwit", "serve", "--settings", settings, "--help")
        settings.write_text("interval = 7\n")
        install(folder, "/usr")
        assert settings.read_text() == "interval = 7\n", "a second install took the settings"
        install(folder, "/usr/local")
        assert (folder / "usr/local/etc/godwit/godwit.conf").exists()
        if shutil.which("cpack") and shutil.which("dpkg-deb"):
            run("cpack", "-G", "DEB", "-B", folder / "deb", cwd=BUILD)
            package = next((folder / "deb").glob("*.deb"))
            listed = run("dpkg-deb", "-c", package)
            for wanted in ("./usr/bin/godwit", "./usr/lib/systemd", "./etc/godwit/godwit.conf"):
                assert wanted.lstrip(".") in listed, (wanted, listed)
            assert str(ROOT) not in listed, listed


test()
