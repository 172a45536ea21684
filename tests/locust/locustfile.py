"""The load that `vscale load` makes by default, as Locust's user: the same request, the same idea of success."""

import gevent
from locust import HttpUser, events, task
from locust.stats import CSV_STATS_INTERVAL_SEC

REQUEST = {
    "model": "openai/mock-chat-model",
    "messages": [{"role": "user", "content": "Hello, how are you?"}],
    "max_tokens": 50,
}


def complaint(answer):
    """What is wrong with the answer; None if nothing is."""
    if answer.status_code != 200:
        return f"HTTP {answer.status_code}: {answer.text}"
    try:
        completion = answer.json()
    except ValueError:
        return "Invalid JSON response"
    if not completion.get("choices"):
        return "Invalid response format: missing choices"
    return None


class ChatUser(HttpUser):
    @task
    def complete(self):
        with self.client.post("/v1/chat/completions", json=REQUEST, catch_response=True) as answer:
            if wrong := complaint(answer):
                answer.failure(wrong)


@events.quitting.add_listener
def let_the_files_be_written_once_more(**_):
    """Locust writes its CSV files at each tick and not at the end: without this they lack the last part of the run."""
    gevent.sleep(1.5 * CSV_STATS_INTERVAL_SEC)
