"""Beside a user's locustfile: keeps the counted window for vscale, which Locust has no flags for.

Locust's statistics are reset when the warm-up is over, stop when the window is, and are written once more before it ends.
What happens meanwhile is told on stdout, a line a second: `vscale ` and JSON.
"""

import json
import os
import time

import gevent
from gevent.event import Event
from locust import events
from locust.stats import CSV_STATS_INTERVAL_SEC

with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "window.json")) as asked:
    ASKED = json.load(asked)
SPAWNED = Event()


def say(what, **values):
    print("vscale", json.dumps({what: values}), flush=True)


class Watch:
    def __init__(self, environment):
        self.environment = environment
        self.measuring = False
        self.ended = self.failed = 0
        self.start = self.row_start = time.monotonic()
        self.row = self.empty_row()
        environment.events.request.add_listener(self.count)

    @staticmethod
    def empty_row():
        return {"requests": 0, "failures": 0, "content_bytes": 0, "latency_sum_us": 0}

    def count(self, response_time, response_length, exception, **_):
        row = self.row
        self.ended += 1
        row["requests"] += 1
        row["content_bytes"] += response_length or 0
        if exception:
            self.failed += 1
            row["failures"] += 1
        else:
            row["latency_sum_us"] += round((response_time or 0) * 1000)

    def cut(self):
        """The row ends now, and the next one begins."""
        now, row = time.monotonic(), self.row
        say(
            "row",
            unix_us=int(time.time() * 1e6),
            elapsed_us=round((now - self.start) * 1e6),
            duration_us=round((now - self.row_start) * 1e6),
            measuring=self.measuring,
            users=self.environment.runner.user_count,
            **row,
        )
        self.row_start, self.row = now, self.empty_row()

    def border(self):
        """The same, unless the last row has just ended."""
        if self.row["requests"] or time.monotonic() > self.row_start + 0.001:
            self.cut()

    def rows_until(self, end):
        while (now := time.monotonic()) < end:
            gevent.sleep(min(self.row_start + 1, end) - now)
            if time.monotonic() >= self.row_start + 1:
                self.cut()

    def window(self):
        while not SPAWNED.wait(timeout=max(0, self.row_start + 1 - time.monotonic())):
            self.cut()
        self.rows_until(time.monotonic() + ASKED["warm_up_s"])
        self.border()
        stats = self.environment.stats
        stats.reset_all()
        self.measuring, start, start_unix = True, self.row_start, time.time()
        say("starts")
        self.rows_until(start + ASKED["window_s"])
        self.border()
        # What is answered from now on belongs to no window.
        stats.log_request = stats.log_error = lambda *_, **__: None
        self.measuring, end = False, self.row_start
        say(
            "window",
            start_unix_us=int(start_unix * 1e6),
            warm_up_us=round((start - self.start) * 1e6),
            duration_us=round((end - start) * 1e6),
        )
        self.environment.runner.quit()


@events.test_start.add_listener
def watch(environment, **_):
    watching = Watch(environment)

    @environment.events.quitting.add_listener
    def end(**_):
        watching.cut()
        say("all", ended=watching.ended, failed=watching.failed)
        # Locust writes its files at each tick and not at its end.
        gevent.sleep(1.5 * CSV_STATS_INTERVAL_SEC)

    gevent.spawn(watching.window)


@events.spawning_complete.add_listener
def spawned(**_):
    SPAWNED.set()
