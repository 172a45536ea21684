"""What OpenAI's own SDK gets from the mock, as JSON."""

import json
import sys

import openai

client = openai.OpenAI(base_url=sys.argv[1] + "/v1", api_key="none", max_retries=0, timeout=60)
asked = {"model": "m", "messages": [{"role": "user", "content": "Hello"}]}
with_usage = {"stream": True, "stream_options": {"include_usage": True}}
said = {}

chat = client.chat.completions.create(**asked)
said["chat"] = [chat.object, chat.choices[0].message.content, chat.choices[0].finish_reason, chat.usage.total_tokens]

chunks = list(client.chat.completions.create(**asked, **with_usage))
deltas = [choice.delta for chunk in chunks for choice in chunk.choices]
said["chat stream"] = ["".join(delta.content or "" for delta in deltas), deltas[0].role, chunks[-1].usage.completion_tokens]

text = client.completions.create(model="m", prompt="Hello")
said["text"] = [text.object, text.choices[0].text, text.choices[0].finish_reason, text.usage.total_tokens]

chunks = list(client.completions.create(model="m", prompt="Hello", **with_usage))
texts = [choice.text for chunk in chunks for choice in chunk.choices]
said["text stream"] = ["".join(texts), chunks[-1].usage.completion_tokens]

said["models"] = [model.id for model in client.models.list()]
said["model"] = client.models.retrieve("openai/mock-chat-model").id

for name, failing in {
    "unknown model": lambda: client.models.retrieve("gpt"),
    "no messages": lambda: client.chat.completions.create(model="m", messages=[]),
    "unknown path": lambda: client.embeddings.create(model="m", input="Hello"),
}.items():
    try:
        failing()
        said[name] = "no error"
    except openai.APIStatusError as error:
        said[name] = [type(error).__name__, error.status_code, error.code]

print(json.dumps(said))
