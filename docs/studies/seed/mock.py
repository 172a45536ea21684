"""The backend as the benchmark that vscale replaces has it: Python's HTTP server, one thread, a connection a request."""

import json
import sys
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

MODEL = "openai/mock-chat-model"
TEXT = "This is a mock response from the benchmark server."


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        found = self.path == "/v1/health"
        self.answer(200, {"status": "ok"}) if found else self.answer(404, {"error": "not found"})

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path != "/v1/chat/completions":
            return self.answer(404, {"error": "not found"})
        message = {"role": "assistant", "content": TEXT}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        usage = {"prompt_tokens": 10, "completion_tokens": 20, "total_tokens": 30}
        completion = {"id": "chatcmpl-mock123", "object": "chat.completion", "created": int(time.time())}
        self.answer(200, completion | {"model": MODEL, "choices": [choice], "usage": usage})

    def answer(self, status, body):
        body = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
