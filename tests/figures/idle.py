#!/usr/bin/env python3
"""One idle check-in over a kept TLS connection, in server CPU, against nginx answering a constant
of the same size. `godwit serve` with one loop and nginx with one process take turns in one run,
with the same certificate, requests and TLS 1.2; so does the bare cost of one P-256 signature,
which only ours has to make. Medians over the rounds. ratio = (ours - signature) / nginx."""
import pathlib
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
GODWIT, LOAD = ROOT / "build/godwit", ROOT / "build/tests/figure_idle_load"
ROUNDS, REQUESTS, BAR = 7, 8000, 2.0
DEVICES = 16

NGINX_CONF = """
daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/nginx.log;
events {{ worker_connections 256; }}
http {{
    access_log off; server_tokens off; keepalive_requests 100000000; keepalive_timeout 600s;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port} ssl;
        ssl_certificate {data}/tls/server.pem; ssl_certificate_key {data}/tls/server-key.pem;
        ssl_protocols TLSv1.2 TLSv1.3;
        location = /v1/checkin {{ default_type application/json; return 200 '{answer}'; }}
    }}
}}
"""


def output(*command, **options):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True,
                          timeout=180, **options)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout.strip()


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def wait_for(port, process):
    for _ in range(200):
        if process.poll() is not None:
            sys.exit(f"{process.args[0]} ended at its start with status {process.returncode}")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    sys.exit(f"{process.args[0]} does not listen")


def start_ours(folder):
    port = free_port()
    log = open(folder / "godwit.log", "w", encoding="utf-8")
    process = subprocess.Popen([str(GODWIT), "serve", "--data", str(folder / "data"), "--listen",
                                f"127.0.0.1:{port}", "--loops", "1"], stdout=log, stderr=log)
    wait_for(port, process)
    return process, port


def enrol(folder, port):
    """A product, a claim, and devices that have joined; the size of an idle answer's body."""
    environment = {"GODWIT_DATA": str(folder / "data"), "HOME": str(folder)}
    image = folder / "idle.bin"
    for _ in range(100):
        if (folder / "data/server.json").exists():
            break
        time.sleep(0.05)
    output(GODWIT, "pack", "--project", "idle", image)
    output(GODWIT, "upload", "--open", image, env=environment)
    claim = output(GODWIT, "claim", "add", "idle", "--count", DEVICES, env=environment)
    sizes = output(LOAD, "enrol", port, folder / "data/tls/ca.pem", claim)
    return int(sizes.split()[0])


def start_nginx(folder, size):
    nginx = shutil.which("nginx", path="/usr/sbin:/usr/bin")
    if not nginx:
        sys.exit("nginx is not there; install Debian's nginx-light")
    port = free_port()
    config = folder / "nginx.conf"
    config.write_text(NGINX_CONF.format(folder=folder, data=folder / "data", port=port,
                                        answer="a" * size), encoding="utf-8")
    process = subprocess.Popen([nginx, "-c", str(config), "-p", str(folder)],
                               stderr=subprocess.DEVNULL)
    wait_for(port, process)
    return process, port


def measure(folder, process, port, *deploy_key):
    return float(output(LOAD, "measure", port, folder / "data/tls/ca.pem", process.pid, REQUESTS,
                        *deploy_key))


def rounds(folder, ours, nginx):
    rows = []
    for _ in range(ROUNDS):
        rows.append((measure(folder, *ours, folder / "data/deploy.pem"), measure(folder, *nginx),
                     float(output(LOAD, "sign"))))
    return rows


def main():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="godwit-idle-"))
    running = []
    try:
        running.append(start_ours(folder))
        size = enrol(folder, running[0][1])
        running.append(start_nginx(folder, size))
        rows = rounds(folder, *running)
    finally:
        for process, _ in running:
            process.terminate()
            process.wait(timeout=20)
        shutil.rmtree(folder, ignore_errors=True)
    ours, nginx, sign = (statistics.median(column) for column in zip(*rows))
    ratio = statistics.median((row[0] - row[2]) / row[1] for row in rows)
    ratio_all = statistics.median(row[0] / row[1] for row in rows)
    print(f"figure idle ratio={ratio:.2f} ratio_all={ratio_all:.2f} ours_us={ours:.1f} "
          f"nginx_us={nginx:.1f} sign_us={sign:.1f} body={size} rounds={ROUNDS} "
          f"requests={REQUESTS}")
    return 1 if ratio > BAR else 0


if __name__ == "__main__":
    sys.exit(main())
