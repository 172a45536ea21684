"""Hands a chat request on to the backend, and its answer back. One worker has many requests under way at once."""

import os

import httpx
from fastapi import FastAPI, Request, Response

app = FastAPI()
backend = httpx.AsyncClient(base_url=os.environ["BACKEND"], timeout=60)


@app.get("/health")
async def health():
    return {"status": "ok"}


@app.post("/v1/chat/completions")
async def chat(request: Request):
    question = await request.body()
    answer = await backend.post("/v1/chat/completions", content=question, headers={"content-type": "application/json"})
    return Response(answer.content, answer.status_code, media_type="application/json")
