"""What is measured, one function a figure; what they run and what is asked of it stands above them as data."""

import re
import statistics
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import starmap

import programs
import theory
from histogram import Histogram, decode
from processes import Failed, cpu_us, run, urgent
from programs import CLIENTS, OURS, Client, Load, mock, nginx, vscale


@dataclass(frozen=True)
class Effort:
    """How long it may take."""

    rounds: int
    seconds: int
    # Of the longer of the two runs whose memory is compared.
    memory_s: int
    # Shortens what has a length of its own.
    is_quick: bool

    def of(self, usual: float, quick: float) -> float:
        return quick if self.is_quick else usual


@dataclass(frozen=True)
class Row:
    figure: str
    goal: str
    measured: str
    # None where there is no goal, or it was not measured.
    met: bool | None = None


Rows = Iterator[Row]

# Ours / theirs, CPU time a request: whom, at how many connections, the goal.
CLIENT_CPU = {
    "floor": ("bare send and receive", (8, 64), None),
    "wrk": ("wrk", (8, 64), 0.92),
    "oha": ("oha", (8, 64), 0.8),
    "hey": ("hey", (8, 64), 0.4),
    "locust": ("Locust", (8,), 0.02),
    "fast-locust": ("Locust's FastHttpUser", (8,), None),
    "hyper": ("naive hyper", (8, 64), None),
}
# Beside wrk at as many connections, where that is not a plain one which is kept.
OTHER_CONNECTIONS = 8
SERVER_CPU_GOAL = 1.0

STREAMS, STREAM_TOKENS, STREAM_TTFT_MS = 16, 50, 20

# With whom, at which service time, for how long. Locust counts times in two digits, most finely just below 100 ms: at 5 ms
# it could not agree with anyone to 2 %. Its first requests, which connect, must be less than 1 % of all.
AGREEMENT = {"wrk": ("wrk", "5ms", 5), "locust": ("Locust's FastHttpUser", "90ms", 20)}
AGREEMENT_USERS, AGREEMENT_GOAL = 16, 0.02
SEEN = ("throughput", "/s"), ("p50", " ms"), ("p99", " ms")

# Each distribution, how long it is loaded, and what its percentiles are in theory.
PERCENTILES = (50, 90, 96, 99, 99.9)
DISTRIBUTIONS: dict[str, tuple[int, Callable[[float, int], theory.Quantile]]] = {
    "95% 10ms, 5% 200ms": (40, lambda percent, _: theory.mixture({95: 10, 100: 200}, percent)),
    # So long, that chance moves the median by less than 0.6 %.
    "exp 20ms": (120, lambda percent, samples: theory.exponential(20, percent, samples)),
}
DISTRIBUTION_RATE = 2000
DISTRIBUTION_GOAL = 0.01

STALL_AFTER_S, STALL_S, STALL_WINDOW_S, STALL_RATE = 8, 2, 20, 100
STALL_GOAL = 0.02

TIMER_MS, TIMER_RATE, TIMER_GOAL_MS = 10, 2000, 0.3
MEMORY_GROWTH_GOAL, MANY_CONNECTIONS, MANY_CONNECTIONS_GOAL_MB = 1.05, 10_000, 100
ITERATIONS = 100_000


def client_cpu(name: str) -> Callable[[Effort], Rows]:
    """Each loads the same nginx. Ours does all that it always does: both checks, both clocks, the histograms."""
    theirs, counts, goal = CLIENT_CPU[name]

    def measure(effort: Effort) -> Rows:
        with nginx() as server:
            for connections in counts:
                load = Load(server.host, connections, effort.seconds)
                title = f"client CPU a request: vscale load / {theirs}, {connections} connections"
                yield ratio_row(title, goal, cpu_of(OURS, load), cpu_of(CLIENTS[theirs], load), effort)

    return measure


def tls(effort: Effort) -> Rows:
    """Both take any certificate, and the same cipher is chosen for both."""
    with nginx(tls=True) as server:
        yield beside_wrk("TLS", Load(server.host, OTHER_CONNECTIONS, effort.seconds), effort)


def no_keep_alive(effort: Effort) -> Rows:
    with nginx() as server:
        yield beside_wrk("a connection a request", Load(server.host, OTHER_CONNECTIONS, effort.seconds, False), effort)


def beside_wrk(how: str, load: Load, effort: Effort) -> Row:
    title = f"client CPU a request: vscale load / wrk, {load.connections} connections, {how}"
    return ratio_row(title, None, cpu_of(OURS, load), cpu_of(CLIENTS["wrk"], load), effort)


def guidellm(effort: Effort) -> Rows:
    """Streams, whose times a client must not add to. What starting costs is in both of two runs, and so in neither's
    difference."""
    lengths = [effort.of(seconds, quick) for seconds, quick in ((10, 3), (30, 8))]
    with mock("--ttft", f"{STREAM_TTFT_MS}ms", "--tokens", str(STREAM_TOKENS)) as server:
        loads = [Load(server.host, STREAMS, seconds) for seconds in lengths]
        sides = [[by(load) for load in loads] for by in (programs.streams_by_ours, programs.streams_by_guidellm)]
    cpu_us = [(long.cpu_us - short.cpu_us) / (long.streams - short.streams) for short, long in sides]
    ttft_ms = [long.ttft_ms for _, long in sides]
    how = f"{STREAMS} streams of {STREAM_TOKENS} tokens"
    title = f"median time to the first token by vscale load and GuideLLM, {how}"
    yield Row(title, f"{STREAM_TTFT_MS} ms in theory", "{:.1f} and {:.1f} ms".format(*ttft_ms))
    measured = "{:.4f}; {:,.0f} against {:,.0f} us".format(cpu_us[0] / cpu_us[1], *cpu_us)
    yield Row(f"client CPU a stream: vscale load / GuideLLM, {how}", "", measured)


def cpu_of(client: Client, load: Load) -> Callable[[], float]:
    return lambda: client.cpu_a_request_us(load)


def server_cpu(effort: Effort) -> Rows:
    """Each is loaded by the same wrk."""
    wrk = CLIENTS["wrk"]

    def cpu_a_request_us(server: programs.Server, connections: int) -> float:
        before = cpu_us(server.pid)
        finished = wrk.run(Load(server.host, connections, effort.seconds))
        return (cpu_us(server.pid) - before) / wrk.count(finished.output)

    with nginx() as theirs, mock() as ours:
        for connections in (8, 64):
            title = f"server CPU a request: vscale mock / nginx, {connections} connections"
            sides = (lambda server=server: cpu_a_request_us(server, connections) for server in (ours, theirs))
            yield ratio_row(title, SERVER_CPU_GOAL, *sides, effort)


def ratio_row(title: str, goal: float | None, ours: Callable, theirs: Callable, effort: Effort) -> Row:
    ratio = theory.paired(ours, theirs, effort.rounds)
    measured = f"{ratio.median:.3f} ({ratio.low:.3f} to {ratio.high:.3f}); {ratio.ours:.2f} against {ratio.theirs:.2f} us"
    return Row(title, f"<= {goal}" if goal else "", measured, ratio.median <= goal if goal else None)


def agreement(name: str) -> Callable[[Effort], Rows]:
    """Equal users on one mock see equal throughput and latency, whoever measures."""
    theirs, service_time, seconds = AGREEMENT[name]

    def measure(effort: Effort) -> Rows:
        with urgent(), mock("--service-time", service_time) as server:
            load = Load(server.host, AGREEMENT_USERS, effort.of(seconds, 2))
            turns = [(seen_by_ours(load), seen_by(theirs, load)) for _ in range(max(1, effort.rounds // 2))]
        sides = [[statistics.median(values) for values in zip(*side)] for side in zip(*turns)]
        apart = [abs(a / b - 1) for a, b in zip(*sides)]
        measured = "; ".join(
            f"{figure} {a:,.4g} and {b:,.4g}{unit} ({part:.1%} apart)"
            for (figure, unit), a, b, part in zip(SEEN, *sides, apart)
        )
        title = f"vscale load and {theirs} agree: {AGREEMENT_USERS} users, {service_time} of service time"
        yield Row(title, f"within {AGREEMENT_GOAL:.0%}", measured, max(apart) <= AGREEMENT_GOAL)

    return measure


def seen_by_ours(load: Load) -> tuple[float, ...]:
    found = programs.result(OURS.run(load).output)
    latency = programs.latency(found)
    rate = latency.count / found["window"]["duration_us"] * 1e6
    return rate, latency.percentile_ms(50), latency.percentile_ms(99)


def seen_by(name: str, load: Load) -> tuple[float, ...]:
    return seen_by_wrk(load) if name == "wrk" else seen_by_locust(CLIENTS[name], load)


def seen_by_wrk(load: Load) -> tuple[float, ...]:
    said = run(programs.wrk(load, "--latency"), timeout_s=load.seconds + 30).output
    units = {"us": 1e-3, "ms": 1, "s": 1e3}
    percentiles = dict(re.findall(r"(50|99)%\s+([\d.]+[mu]?s)", said))
    times = (re.fullmatch(r"([\d.]+)(\w+)", percentiles[percent]).groups() for percent in ("50", "99"))
    return programs.number(r"Requests/sec:\s+([\d.]+)", said), *(float(value) * units[unit] for value, unit in times)


def seen_by_locust(locust: Client, load: Load) -> tuple[float, ...]:
    """It rounds times to two digits (whole milliseconds below 100) before it counts them."""
    stats = programs.locust_stats(locust.run(load).output)
    counts = sorted((int(ms), count) for ms, count in stats["response_times"].items())
    rounded = Histogram(tuple((ms * 1000, count) for ms, count in counts))
    rate = stats["num_requests"] / (stats["last_request_timestamp"] - stats["start_time"])
    return rate, rounded.percentile_ms(50), rounded.percentile_ms(99)


def distributions(effort: Effort) -> Rows:
    """What the mock is told to take is what it takes, and what we read; between the two lies the loopback."""
    for text, (seconds, expected) in DISTRIBUTIONS.items():
        with urgent(), mock("--service-time", text) as server:
            found = open_loop(server.host, DISTRIBUTION_RATE, effort.of(seconds, 6), "--backend", server.host)
        for side, times in (("vscale load", programs.latency(found)), ("the mock itself", service_time(found))):
            compared = [(expected(percent, times.count), times.percentile_ms(percent)) for percent in PERCENTILES]
            measured = f"n = {times.count:,}: " + "; ".join(starmap(compared_in_words, compared))
            title, goal = f"percentiles of `{text}` by {side}", f"within {DISTRIBUTION_GOAL:.0%} or chance"
            yield Row(title, goal, measured, all(starmap(is_as_in_theory, compared)))


def compared_in_words(theirs: theory.Quantile, found_ms: float) -> str:
    off, chance = abs(found_ms / theirs.expected_ms - 1), 2 * theirs.standard_error_ms / theirs.expected_ms
    by_chance = f", chance {chance:.1%}" if chance else ""
    return f"p{theirs.percent} {found_ms:.4g} for {theirs.expected_ms:.4g} ms ({off:.1%} off{by_chance})"


def is_as_in_theory(theirs: theory.Quantile, found_ms: float) -> bool:
    """Within the goal, or within what as many samples of the very distribution show in 19 of 20 runs."""
    allowed_ms = max(DISTRIBUTION_GOAL * theirs.expected_ms, 2 * theirs.standard_error_ms)
    return abs(found_ms - theirs.expected_ms) <= allowed_ms


def open_loop(host: str, rate: float, seconds: float, *flags: str) -> dict:
    command = [vscale(), "load", "--host", host, "--rate", str(rate), "--run-time", str(seconds), "--warm-up", "0"]
    return programs.result(run([*command, *flags, "--json"], timeout_s=seconds + 30).output)


def service_time(found: dict) -> Histogram:
    """Of the mock, by its own clock."""
    return decode(told_by_mock(found)["window"]["service_time"])


def told_by_mock(found: dict) -> dict:
    if not found.get("backend"):
        raise Failed(f"the mock does not tell what it saw: {found.get('backend_error')}")
    return found["backend"]


def stall(effort: Effort) -> Rows:
    """A single client that waits with its server sends one slow request, and sees it once: its users see more."""
    expected_ms = theory.stalled_ms(99, 0, STALL_S * 1e3, STALL_WINDOW_S * 1e3)
    for in_flight in (1, 1000):
        with urgent(), mock("--stall", f"{STALL_AFTER_S}s:{STALL_S}s") as server:
            found = open_loop(server.host, STALL_RATE, STALL_WINDOW_S, "--max-in-flight", str(in_flight))
        for clock, field in (("intended", "intended"), ("sent", "latency")):
            ms = programs.latency(found, field).percentile_ms(99)
            # Only one of 2,000 was in flight when it stalled: the clock that asks when it was sent sees no stall at p99.
            is_blind = (in_flight, clock) == (1, "sent")
            is_met = ms < 10 if is_blind else abs(ms / expected_ms - 1) <= STALL_GOAL
            title = f"p99 by the {clock} clock, a stall of {STALL_S} s in {STALL_WINDOW_S} s, {in_flight} in flight"
            yield Row(title, "no stall seen" if is_blind else f"{expected_ms:,.0f} ms in theory", f"{ms:,.4g} ms", is_met)


def memory(effort: Effort) -> Rows:
    """Constant in time, small at many connections."""
    short_s, long_s = effort.of(10, 2), effort.memory_s
    with mock() as server:
        short, long = (OURS.run(Load(server.host, 64, seconds)).peak_bytes / 1e6 for seconds in (short_s, long_s))
        growth = long / short
        title = f"memory of vscale load after {long_s:.0f} s / after {short_s:.0f} s"
        goal = f"<= {MEMORY_GROWTH_GOAL}"
        yield Row(title, goal, f"{growth:.3f}; {long:.1f} MB, {short:.1f} MB", growth <= MEMORY_GROWTH_GOAL)
    with mock() as server:
        many = OURS.run(Load(server.host, MANY_CONNECTIONS, effort.of(10, 3)))
    opened, peak = programs.result(many.output)["totals"]["connections_opened"], many.peak_bytes / 1e6
    title, goal = f"memory of vscale load at {opened:,} connections", f"< {MANY_CONNECTIONS_GOAL_MB} MB"
    yield Row(title, goal, f"{peak:.1f} MB", peak < MANY_CONNECTIONS_GOAL_MB and opened >= MANY_CONNECTIONS)


def exactness(effort: Effort) -> Rows:
    """Every request ends as one thing, and the mock saw each."""
    with mock() as server:
        finished = run(iterations(server.host, ITERATIONS, "--users", "64", "--spawn-rate", "64", "--backend", server.host))
    found = programs.result(finished.output)
    totals, seen = found["totals"], told_by_mock(found)["total_arrivals"]
    ended = (totals[name] for name in ("succeeded", "failed", "unanswered"))
    counts = {totals["sent"], sum(ended), seen, ITERATIONS}
    measured = f"{totals['sent']:,} sent, {totals['succeeded']:,} answered, {totals['failed']} failed, "
    measured += f"{totals['unanswered']} unanswered, {seen:,} seen by the mock"
    yield Row("sent = answered + failed + unanswered = what the mock saw", "exact", measured, len(counts) == 1)


def iterations(host: str, count: int, *flags: str) -> list[str]:
    return [vscale(), "load", "--host", host, "--iterations", str(count), "--threads", "1", *flags, "--json"]


def timers(effort: Effort) -> Rows:
    """The mock answers when it should, at a rate that keeps it busy."""
    with urgent(), mock("--service-time", f"{TIMER_MS}ms") as server:
        found = open_loop(server.host, TIMER_RATE, effort.of(10, 3), "--backend", server.host)
    by_mock, by_client = (times.percentile_ms(50) for times in (service_time(found), programs.latency(found)))
    title = f"p50 of {TIMER_MS} ms of service time at {TIMER_RATE:,} requests/s"
    is_met = max(abs(ms - TIMER_MS) for ms in (by_mock, by_client)) <= TIMER_GOAL_MS
    yield Row(title, f"within {TIMER_GOAL_MS} ms", f"{by_mock:.2f} ms by the mock, {by_client:.2f} ms by the client", is_met)


def instructions(effort: Effort) -> Rows:
    """Second opinion on CPU time: it does not depend on what else the machine does. In user mode only."""
    few, many = 2_000, effort.of(22_000, 7_000)
    with nginx() as server:
        client = [callgrind_of_client(server.host, count) for count in (few, many)]
    yield Row("instructions a request, vscale load", "", f"{(client[1] - client[0]) / (many - few):,.0f}")
    ours = [callgrind_of_mock(count) for count in (few, many)]
    yield Row("instructions a request, vscale mock", "", f"{(ours[1] - ours[0]) / (many - few):,.0f}")


def callgrind(*more: str) -> tuple[str, ...]:
    return programs.tool("valgrind"), "--tool=callgrind", "--callgrind-out-file=/dev/null", *more


def collected(text: str) -> int:
    return int(programs.number(r"Collected : (\d+)", text))


def callgrind_of_client(host: str, count: int) -> int:
    flags = ("--users", "8", "--spawn-rate", "8")
    return collected(run([*callgrind(), *iterations(host, count, *flags)], timeout_s=120).errors)


def callgrind_of_mock(count: int) -> int:
    with tempfile.NamedTemporaryFile("r") as log:
        with mock(under=callgrind(f"--log-file={log.name}")) as server:
            run(iterations(server.host, count, "--users", "8", "--spawn-rate", "8"), timeout_s=120)
        return collected(log.read())


def system_calls(effort: Effort) -> Rows:
    """The first thing to look at when a client is slow: one write and one read a request are the floor."""
    with nginx() as server, tempfile.NamedTemporaryFile("r") as table:
        command = iterations(server.host, ITERATIONS, "--users", "8", "--spawn-rate", "8")
        run([programs.tool("strace"), "-f", "-c", "-o", table.name, *command], timeout_s=120)
        # % time, seconds, usecs/call, calls, perhaps errors, name
        calls = {name: int(count) for count, name in re.findall(r"^(?:\s*[\d.]+){3}\s+(\d+)\s.*?(\w+)$", table.read(), re.M)}
    total = calls.pop("total") / ITERATIONS
    each = {name: count / ITERATIONS for name, count in sorted(calls.items(), key=lambda call: -call[1])}
    listed = ", ".join(f"{name} {count:.2f}" for name, count in each.items() if count >= 0.005)
    yield Row("system calls a request, vscale load, 8 connections", "", f"{total:.2f}: {listed}")


FIGURES: dict[str, Callable[[Effort], Rows]] = {
    **{name: client_cpu(name) for name in CLIENT_CPU},
    "tls": tls,
    "no-keepalive": no_keep_alive,
    "guidellm": guidellm,
    "mock": server_cpu,
    **{f"agree-{name}": agreement(name) for name in AGREEMENT},
    "distributions": distributions,
    "stall": stall,
    "timers": timers,
    "memory": memory,
    "exact": exactness,
    "instructions": instructions,
    "syscalls": system_calls,
}
