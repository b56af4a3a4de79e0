"""A real HTTP server on loopback that serves embeddings and chats as OpenAI does, and misbehaves when it is told to."""

from __future__ import annotations

import base64
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from zlib import crc32

import numpy as np

KEY = "sk-loopback-4711"
Embed = Callable[[list[str]], np.ndarray]
Write = Callable[[list[dict[str, str]]], str]
"""From the messages of a request to the answer of the model."""


def hashed(texts: list[str], width: int = 24) -> np.ndarray:
    """Bags of words, float32 [texts, width]."""
    array = np.zeros((len(texts), width), np.float32)
    for row, text in enumerate(texts):
        for word in re.findall(r"\w+", text.lower()):
            array[row, crc32(word.encode()) % width] += 1
    return array


def echo(messages: list[dict[str, str]]) -> str:
    """Say the last message again."""
    return messages[-1]["content"]


class Served:
    """What the server was asked, and what it shall do next: one fault a request, then it is well again."""

    def __init__(self, embed: Embed, write: Write) -> None:
        self.embed, self.write = embed, write
        self.faults: list[str] = []
        self.requests: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.usage = True
        self.url = ""

    @property
    def texts(self) -> list[str]:
        return [text for request in self.requests for text in request["input"]]

    def answer(self, asked: dict[str, Any], fault: str) -> dict[str, Any]:
        return self.chat(asked, fault) if "messages" in asked else self.embeddings(asked, fault)

    def chat(self, asked: dict[str, Any], fault: str) -> dict[str, Any]:
        text = self.write(asked["messages"])
        choices = [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}]
        said = {"object": "chat.completion", "model": asked["model"], "choices": [] if fault == "few" else choices}
        read, wrote = sum(len(one["content"].split()) for one in asked["messages"]), len(text.split())
        usage = {"prompt_tokens": read, "completion_tokens": wrote, "total_tokens": read + wrote}
        return said | ({"usage": usage} if self.usage else {})

    def embeddings(self, asked: dict[str, Any], fault: str) -> dict[str, Any]:
        array = self.embed(asked["input"])[:, : asked.get("dimensions")]
        if fault == "nan":
            array = np.full_like(array, np.nan)
        if fault == "narrow":
            array = array[:, :-1]
        plain = asked.get("encoding_format") == "float"
        rows: list[Any] = [
            row.tolist() if plain else base64.b64encode(row.astype("<f4").tobytes()).decode() for row in array
        ]
        data = [{"object": "embedding", "index": i, "embedding": row} for i, row in enumerate(rows)]
        if fault == "few":
            data = data[: len(data) // 2]
        if fault == "twice":
            data = [{**one, "index": 0} for one in data]
        said = {"object": "list", "model": asked["model"], "data": data[::-1]}  # the order is not promised
        tokens = sum(len(text.split()) + 2 for text in asked["input"])
        return said | ({"usage": {"prompt_tokens": tokens, "total_tokens": tokens}} if self.usage else {})


class Handler(BaseHTTPRequestHandler):
    served: Served

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.served.requests.append(asked)
        self.served.keys.append(self.headers.get("authorization"))
        fault = self.served.faults.pop(0) if self.served.faults else ""
        if fault == "silence":
            threading.Event().wait(0.6)
        elif fault.isdigit():
            said = {"error": {"message": f"no, not with {self.headers.get('authorization')}"}}
            self.reply(int(fault), json.dumps(said).encode())
        elif fault.startswith("429 "):
            self.reply(429, b"{}", {"retry-after": fault.removeprefix("429 ")})
        else:
            body = json.dumps(self.served.answer(asked, fault)).encode()
            part = body[: len(body) // 2] if fault.startswith("half") else body
            self.reply(200, part, {"content-length": str(len(body))} if fault == "half" else None)

    def reply(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {
            "content-type": "application/json",
            "content-length": str(len(body)),
            **(headers or {}),
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def serve(embed: Embed = hashed, write: Write = echo) -> Iterator[Served]:
    served = Served(embed, write)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"served": served}))
    served.url = f"http://127.0.0.1:{server.server_port}/v1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
