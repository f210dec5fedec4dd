"""A simulated Rasa server with the HTTP API of Rasa 3.6.21 (rasa/server.py), errors included, and its program.

It chooses the intent with the example that shares most words and parts of words with the text. The program replaces
`rasa`: `train nlu` packs a project into a model, `run` serves it.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import math
import re
import sys
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from bot.simulators.live import FaultSwitch
from bot.simulators.server import Simulator, serve_until_interrupted

_WORD = re.compile(r"[a-z0-9']+|[㐀-鿿]+")
_SOFTMAX_SCALE = 9.0  # makes an exact match clearly likelier than half a match, as with Rasa's classifier
_RANKING_LENGTH = 10  # LABEL_RANKING_LENGTH of Rasa 3.6


class Reader:
    """The classifier. files: the NLU files of a project, by path."""

    def __init__(self, files: Mapping[str, str]) -> None:
        self._examples = [
            (item["intent"], _features(text))
            for name, content in files.items()
            if name.startswith("data/")
            for item in yaml.safe_load(content).get("nlu", ())
            for text in _example_texts(item["examples"])
        ]

    def ranking(self, text: str) -> list[dict[str, Any]]:
        """At most ten intents, likeliest first. The confidences of all intents add up to 1."""
        features = _features(text)
        similarity: dict[str, float] = {}
        for intent, known in self._examples:
            dice = 2 * len(features & known) / (len(features) + len(known) or 1)  # the Dice coefficient, 0 to 1
            similarity[intent] = max(similarity.get(intent, 0.0), dice)
        weights = {intent: math.exp(_SOFTMAX_SCALE * likeness) for intent, likeness in similarity.items()}
        total = sum(weights.values())
        ranked = sorted(weights.items(), key=lambda one: -one[1])[:_RANKING_LENGTH]
        return [{"name": intent, "confidence": weight / total} for intent, weight in ranked]


def _example_texts(examples: Any) -> Iterator[str]:
    if isinstance(examples, str):
        yield from (line[1:].strip() for line in examples.splitlines() if line.startswith("-"))
    else:
        yield from (one["text"].strip() for one in examples)


def _features(text: str) -> frozenset[str]:
    """Words, four-letter parts of words, and pairs of Chinese characters."""
    found: set[str] = set()
    for word in _WORD.findall(text.lower()):
        size = 4 if word.isascii() else 2
        found.update((word, *(word[start : start + size] for start in range(max(len(word) - size + 1, 1)))))
    return frozenset(found)


VERSION = "3.6.21"


@dataclass(frozen=True, slots=True)
class Faults:
    """Faults of the service."""

    slow: float = 0.0  # seconds before each answer
    html: bool = False  # a proxy answers in its place
    broken: bool = False  # 500
    strange: bool = False  # JSON of another shape
    endless: bool = False  # an answer of 2 MiB, which a client should not read to its end
    of_parsing: bool = False  # all of them for POST /model/parse only


class RasaService:
    """One service with at most one model loaded. Requests with a wrong token are refused."""

    def __init__(self, token: str = "") -> None:
        self.faults: FaultSwitch[Faults] = FaultSwitch(Faults())
        self.asked: list[str] = []  # texts of the requests to parse
        self.looked_at = 0  # requests for the status
        self.token = token
        self._name = ""
        self._reader = Reader({})

    def load(self, name: str, reader: Reader) -> None:
        """Load a model, as `rasa run -m models/NAME.tar.gz` or PUT /model do."""
        self._name, self._reader = name, reader

    def parse(self, text: str) -> dict[str, Any]:
        """The answer of POST /model/parse. Rasa gives an empty text no intent and no ranking."""
        ranking = self._reader.ranking(text) if text.strip() else []
        best = ranking[0] if ranking else {"name": None, "confidence": 0.0}
        tokens = [[0, len(text)]] if text.strip() else []
        return {"text": text, "intent": best, "entities": [], "text_tokens": tokens, "intent_ranking": ranking}

    def status(self) -> dict[str, Any]:
        return {"model_file": f"{self._name}.tar.gz", "model_id": "0" * 32, "num_active_training_jobs": 0}

    def refusal(self, request: Request) -> Response | None:
        if self.token and request.query_params.get("token") != self.token:
            return _failure(401, "NotAuthenticated", "User is not authenticated.")
        if not self._name:
            return _failure(409, "Conflict", "No agent loaded. To continue processing, a model of a trained agent ...")
        return None

    async def fault(self, parsing: bool) -> Response | None:
        """The response of a fault that is on, after its delay; None if there is none."""
        now = self.faults.now
        if now.of_parsing and not parsing:
            return None
        await asyncio.sleep(now.slow)
        if now.html:
            return HTMLResponse("<html><body><h1>502 Bad Gateway</h1></body></html>")
        if now.broken:
            return _unexpected("out of memory")
        if now.strange:
            return JSONResponse({"intent": {"name": "greet"}, "intent_ranking": [{"name": 7}], "model_file": 7})
        return PlainTextResponse('{"text": "' + "a" * (2 << 20)) if now.endless else None


def simulator(service: RasaService) -> Simulator:
    async def parse(request: Request) -> Response:
        if refused := service.refusal(request) or await service.fault(parsing=True):
            return refused
        try:
            text = json.loads(await request.body())["text"]
        except (ValueError, KeyError, TypeError):
            return _unexpected("Failed when parsing body as json")
        service.asked.append(text)
        return JSONResponse(service.parse(text))

    async def status(request: Request) -> Response:
        service.looked_at += 1
        return service.refusal(request) or await service.fault(parsing=False) or JSONResponse(service.status())

    hello = PlainTextResponse(f"Hello from Rasa: {VERSION}")
    version = JSONResponse({"version": VERSION, "minimum_compatible_version": VERSION})
    routes = [
        Route("/", hello, methods=["GET"]),
        Route("/version", version, methods=["GET"]),
        Route("/status", status),
        Route("/model/parse", parse, methods=["POST"]),
    ]
    return Simulator(Starlette(routes=routes))


def _failure(code: int, reason: str, message: str) -> Response:
    content = {"version": VERSION, "status": "failure", "message": message, "reason": reason}
    return JSONResponse(content | {"details": {}, "help": None, "code": code}, code)


def _unexpected(error: str) -> Response:
    return _failure(500, "ParsingError", f"An unexpected error occurred. Error: {error}")


def main() -> None:
    parser = argparse.ArgumentParser(prog="rasa")
    verbs = parser.add_subparsers(dest="verb", required=True)
    train = verbs.add_parser("train")
    train.add_argument("what", choices=["nlu"])
    for option in ("--nlu", "--config", "--domain", "--out", "--fixed-model-name"):
        train.add_argument(option, required=True)
    run = verbs.add_parser("run")
    run.add_argument("--enable-api", action="store_true", required=True)
    run.add_argument("-i", dest="host", required=True)
    run.add_argument("-p", dest="port", type=int, required=True)
    run.add_argument("-m", dest="model", type=Path, required=True)
    run.add_argument("--auth-token", default="")
    options = parser.parse_args()
    (_train if options.verb == "train" else _run)(options)


def _train(options: argparse.Namespace) -> None:
    """Pack the project's NLU files. Prints as Rasa does: a progress bar, then the path of the model."""
    for needed in (options.config, options.domain):
        if not Path(needed).is_file():
            sys.exit(f"The path '{needed}' does not exist.")
    made = Path(options.out) / f"{options.fixed_model_name}.tar.gz"
    made.parent.mkdir(exist_ok=True)
    with tarfile.open(made, "w:gz") as pack:
        for file in sorted(Path(options.nlu).rglob("*.yml")):
            pack.add(file, f"data/{file.name}")
    for part in (0, 40, 100):
        sys.stderr.write(f"\rEpochs: {part:3}%|{'█' * (part // 10):<10}| {part}/100 [00:00<00:00]")
    sys.stderr.write(f"\nYour Rasa model is trained and saved at '{made}'.\n")


def _run(options: argparse.Namespace) -> None:
    with tarfile.open(options.model) as pack:
        files = {one.name: (pack.extractfile(one) or io.BytesIO()).read().decode() for one in pack.getmembers()}
    service = RasaService(options.auth_token)
    service.load(options.model.name.removesuffix(".tar.gz"), Reader(files))
    asyncio.run(serve_until_interrupted(simulator(service), options.host, options.port))


if __name__ == "__main__":
    main()
