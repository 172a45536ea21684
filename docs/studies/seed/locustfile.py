"""The load as the benchmark that vscale replaces has it: users who ask one thing again and again."""

from locust import HttpUser, constant, task

ASKED = {
    "model": "openai/mock-chat-model",
    "messages": [{"role": "user", "content": "Hello, how are you?"}],
    "max_tokens": 50,
}


class Chat(HttpUser):
    wait_time = constant(0)

    @task
    def ask(self):
        with self.client.post("/v1/chat/completions", json=ASKED, catch_response=True) as answer:
            if answer.status_code != 200:
                answer.failure(f"HTTP {answer.status_code}: {answer.text}")
            elif not answer.json().get("choices"):
                answer.failure("Invalid response format: missing choices")
