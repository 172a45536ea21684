"""Hands a chat request on to the backend, and its answer back. A worker of gunicorn's default kind has one request at a time."""

import os

import requests
from flask import Flask, Response, request

app = Flask(__name__)
backend = requests.Session()


@app.get("/health")
def health():
    return {"status": "ok"}


@app.post("/v1/chat/completions")
def chat():
    headers = {"content-type": "application/json"}
    url = os.environ["BACKEND"] + "/v1/chat/completions"
    answer = backend.post(url, data=request.get_data(), headers=headers, timeout=60)
    return Response(answer.content, answer.status_code, mimetype="application/json")
