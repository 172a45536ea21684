"""The clients and servers that are set side by side: how each is started, and how it says what it did."""

import contextlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

from histogram import Histogram, decode
from processes import Failed, Finished, free_port, run, running

ROOT = Path(__file__).parents[2]
TOOLS = [ROOT / "target" / folder / "bin" for folder in ("bench-tools", "test-tools")]

REQUEST = '{"model": "openai/mock-chat-model", "messages": [{"role": "user", "content": "Hello, how are you?"}], "max_tokens": 50}'
ANSWER = (
    '{"id":"chatcmpl-mock123","object":"chat.completion","created":1700000000,"model":"openai/mock-chat-model",'
    '"choices":[{"index":0,"message":{"role":"assistant","content":"This is a mock response from the benchmark server."},'
    '"finish_reason":"stop"}],"usage":{"prompt_tokens":10,"completion_tokens":20,"total_tokens":30}}'
)
PATH = "/v1/chat/completions"

NGINX = """
daemon off; master_process off; pid {folder}/pid; error_log {folder}/errors;
events {{ worker_connections 2048; }}
http {{
  access_log off; {tls} keepalive_requests 1000000000; default_type application/json;
  client_body_temp_path {folder}/1; proxy_temp_path {folder}/2; fastcgi_temp_path {folder}/3;
  uwsgi_temp_path {folder}/4; scgi_temp_path {folder}/5;
  server {{ listen 127.0.0.1:{port}{ssl}; location / {{ return 200 '{answer}'; }} }}
}}
"""
CERTIFICATE = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -days 1 -subj /CN=127.0.0.1".split()
WRK_SCRIPT = f"""
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = '{REQUEST}'
"""


@dataclass(frozen=True)
class Load:
    """As many requests as these connections carry, for a time."""

    host: str
    connections: int
    seconds: float
    # Otherwise each request has a connection of its own.
    keep_alive: bool = True


@dataclass(frozen=True)
class Client:
    """A load generator that is run to its end."""

    name: str
    # Does nothing: what starting costs is taken off, for each client alike.
    idle: Callable[[], list[str]]
    command: Callable[[Load], list[str]]
    # Requests answered, from what it printed.
    count: Callable[[str], int]

    def run(self, load: Load) -> Finished:
        return run(self.command(load), timeout_s=load.seconds + 30)

    def cpu_a_request_us(self, load: Load) -> float:
        finished = self.run(load)
        return (finished.cpu_us - self.start_us()) / self.count(finished.output)

    @cache
    def start_us(self) -> float:
        return min(run(self.idle(), accepted=(0, 1)).cpu_us for _ in range(3))


def tool(name: str) -> str:
    """Where a program is; what `benches/install` has put into the tools' folders goes first."""
    folders = [*TOOLS, *os.get_exec_path(), "/usr/sbin"]
    found = shutil.which(name, path=os.pathsep.join(map(str, folders)))
    if not found:
        raise Failed(f"needs {name}: benches/install")
    return found


def built(variable: str, name: str) -> str:
    """A program of ours, which `make bench-load` has built and names."""
    path = os.environ.get(variable, "")
    if not os.access(path, os.X_OK):
        raise Failed(f"needs {name}: {variable} does not name it, `make bench-load` builds it and does")
    return path


def vscale() -> str:
    return built("VSCALE", "vscale")


def ours(load: Load) -> list[str]:
    users = str(load.connections)
    flags = ["--users", users, "--spawn-rate", users, "--warm-up", "0", "--run-time", str(load.seconds)]
    if load.host.startswith("https:"):
        flags.append("--insecure")
    if not load.keep_alive:
        flags.append("--no-keepalive")
    return [vscale(), "load", "--host", load.host, *flags, "--json"]


def wrk(load: Load, *more: str) -> list[str]:
    flags = ["-t1", f"-c{load.connections}", f"-d{load.seconds:.0f}", "-s", script("post.lua", WRK_SCRIPT), *more]
    if not load.keep_alive:
        flags += ["-H", "Connection: close"]
    return [tool("wrk"), *flags, load.host + PATH]


def hey(load: Load) -> list[str]:
    flags = ["-z", f"{load.seconds}s", "-c", str(load.connections), "-m", "POST", "-T", "application/json"]
    return [tool("hey"), *flags, "-d", REQUEST, load.host + PATH]


def oha(load: Load) -> list[str]:
    flags = ["-z", f"{load.seconds}s", "-c", str(load.connections), "-m", "POST", "-T", "application/json"]
    return [tool("oha"), "--no-tui", "--output-format", "json", *flags, "-d", REQUEST, load.host + PATH]


def locust_file(user: str) -> str:
    return f"""
from locust import {user}, task

class Chat({user}):
    @task
    def complete(self):
        self.client.post("{PATH}", data='{REQUEST}', headers={{"Content-Type": "application/json"}})
"""


def locust(user: str, load: Load) -> list[str]:
    """By its class `HttpUser`, or `FastHttpUser`."""
    users = str(load.connections)
    flags = ["--headless", "--json", "--skip-log", "-u", users, "-r", users, "-t", f"{load.seconds:.0f}s"]
    return [tool("locust"), "-f", script(f"{user}.py", locust_file(user)), *flags, "--host", load.host]


def floor(load: Load) -> list[str]:
    return [floor_client(), load.host.removeprefix("http://"), str(load.connections), str(load.seconds)]


def floor_client() -> str:
    return built("FLOOR", "the client that only sends and receives")


def naive(load: Load) -> list[str]:
    return [hyper_client(), load.host + PATH, str(load.connections), str(load.seconds)]


def hyper_client() -> str:
    return built("HYPER_CLIENT", "the naive hyper client")


@dataclass(frozen=True)
class Streamed:
    """What a client of streams saw and cost."""

    ttft_ms: float
    streams: int
    cpu_us: float


def streams_by_ours(load: Load) -> Streamed:
    finished = run([*ours(load), "--stream"], timeout_s=load.seconds + 30)
    found = result(finished.output)
    ttft_ms = decode(found["requests"][0]["stream"]["ttft"]).percentile_ms(50)
    return Streamed(ttft_ms, found["totals"]["succeeded"], finished.cpu_us)


def streams_by_guidellm(load: Load) -> Streamed:
    prompts = script("prompts.txt", "".join(f"Hello, how are you, number {number}?\n" for number in range(20_000)))
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "result.json"
        flags = [
            "--target", load.host, "--data", prompts, "--output-path", str(output),
            "--rate-type", "concurrent", "--rate", str(load.connections), "--max-seconds", f"{load.seconds:.0f}",
            "--disable-progress", "--disable-console-outputs",
        ]
        finished = run([tool("guidellm"), "benchmark", "run", *flags], timeout_s=load.seconds + 180)
        (found,) = json.loads(output.read_text())["benchmarks"]
    totals = found["request_totals"]
    if totals["errored"]:
        raise Failed(f"GuideLLM: {totals['errored']} streams failed")
    return Streamed(found["metrics"]["time_to_first_token_ms"]["successful"]["median"], totals["successful"], finished.cpu_us)


def result(output: str) -> dict:
    """The last of `vscale load --json`'s lines; none of its requests may have failed."""
    found = json.loads(output.splitlines()[-1])
    totals = found["totals"]
    if totals["failed"] or not totals["succeeded"]:
        raise Failed(f"vscale load: {totals['failed']} of {totals['sent']} requests failed: {found['failures'][:1]}")
    return found


def latency(found: dict, clock: str = "latency") -> Histogram:
    """Of the only kind of request; clocks that are one are written once."""
    stats = found["requests"][0]
    return decode(stats.get(clock) or stats["latency"])


def locust_stats(output: str) -> dict:
    (stats,) = json.loads(output)
    if stats["num_failures"]:
        raise Failed(f"Locust: {stats['num_failures']} requests failed")
    return stats


def number(pattern: str, text: str) -> float:
    match = re.search(pattern, text)
    if not match:
        raise Failed(f"no `{pattern}` in: {text[:80]}")
    return float(match[1].replace(",", ""))


def locust_client(name: str, user: str) -> Client:
    idle, count = lambda: [tool("locust"), "--version"], lambda text: locust_stats(text)["num_requests"]
    return Client(name, idle, partial(locust, user), count)


OURS = Client("vscale load", lambda: [vscale(), "--version"], ours, lambda text: result(text)["totals"]["succeeded"])
CLIENTS = {
    client.name: client
    for client in [
        Client("wrk", lambda: [tool("wrk"), "--version"], wrk, lambda text: int(number(r"(\d+) requests in", text))),
        Client("oha", lambda: [tool("oha"), "--version"], oha, lambda text: json.loads(text)["statusCodeDistribution"]["200"]),
        Client("hey", lambda: [tool("hey"), "-n", "0"], hey, lambda text: int(number(r"\[200\]\s+(\d+) responses", text))),
        locust_client("Locust", "HttpUser"),
        locust_client("Locust's FastHttpUser", "FastHttpUser"),
        Client("naive hyper", lambda: [hyper_client(), "http://127.0.0.1:9/", "0", "0"], naive, int),
        Client("bare send and receive", lambda: [floor_client(), "127.0.0.1:9", "0", "0"], floor, int),
    ]
}


@dataclass(frozen=True)
class Server:
    host: str
    pid: int


@contextlib.contextmanager
def nginx(tls: bool = False) -> Iterator[Server]:
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        config = Path(folder) / "nginx.conf"
        key, certificate = f"{folder}/key", f"{folder}/certificate"
        if tls:
            run([tool("openssl"), *CERTIFICATE, "-nodes", "-keyout", key, "-out", certificate])
        own = f"ssl_certificate {certificate}; ssl_certificate_key {key};" if tls else ""
        ssl = " ssl" if tls else ""
        config.write_text(NGINX.format(folder=folder, port=port, tls=own, ssl=ssl, answer=ANSWER))
        with running([tool("nginx"), "-c", str(config)], port) as child:
            yield Server(f"http{'s' * tls}://127.0.0.1:{port}", child.pid)


@contextlib.contextmanager
def mock(*flags: str, under: tuple[str, ...] = ()) -> Iterator[Server]:
    """`under` a tool that runs it, such as valgrind."""
    port = free_port()
    command = [*under, vscale(), "mock", "--port", str(port), *flags]
    with running(command, port, ready_s=30 if under else 5) as child:
        yield Server(f"http://127.0.0.1:{port}", child.pid)


@cache
def _scripts() -> tempfile.TemporaryDirectory:
    return tempfile.TemporaryDirectory()


@cache
def script(name: str, content: str) -> str:
    """A file for a tool that takes none but files; it goes with this process."""
    path = Path(_scripts().name) / name
    path.write_text(content)
    return str(path)
