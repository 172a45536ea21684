"""Reads an item from the cache, or else from the database, and then keeps it in the cache for ten seconds."""

import json
import os
from contextlib import asynccontextmanager

import asyncpg
from fastapi import FastAPI
from redis.asyncio import Redis

ITEMS = 100_000

@asynccontextmanager
async def connections(app: FastAPI):
    app.cache = Redis.from_url(os.environ["CACHE"])
    async with asyncpg.create_pool(os.environ["DATABASE"], min_size=4, max_size=4) as app.database:
        yield
    await app.cache.aclose()


app = FastAPI(lifespan=connections)


@app.get("/health")
async def health():
    return {"status": "ok"}


@app.get("/items/{number}")
async def item(number: int):
    id = number % ITEMS  # any number will do: those of requests go up and up
    key = f"item:{id}"
    if kept := await app.cache.get(key):
        return json.loads(kept)
    row = await app.database.fetchrow("SELECT id, name, price FROM items WHERE id = $1", id)
    await app.cache.set(key, json.dumps(dict(row)), ex=10)
    return dict(row)
