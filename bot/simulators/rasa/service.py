"""Rasa's HTTP API as far as an engine needs it, with the answers of Rasa 3.6.21, errors too (rasa/server.py)."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from bot.simulators.faults import FaultSwitch
from bot.simulators.rasa.reader import Reader
from bot.simulators.serving import Simulator

VERSION = "3.6.21"


@dataclass(frozen=True, slots=True)
class Faults:
    """slow: seconds before each answer. html: a proxy answers in its place. broken: Rasa fails. strange: JSON of
    another shape. endless: an answer without an end. of_parsing: all this for POST /model/parse only."""

    slow: float = 0.0
    html: bool = False
    broken: bool = False
    strange: bool = False
    endless: bool = False
    of_parsing: bool = False


class RasaService:
    """One service with one model loaded, or none. `asked` are the texts it was asked; a wrong token is refused."""

    def __init__(self, token: str = "") -> None:
        self.faults: FaultSwitch[Faults] = FaultSwitch(Faults())
        self.asked: list[str] = []
        self.looked_at = 0
        self._token = token
        self._name = ""
        self._reader = Reader({})

    def load(self, name: str, reader: Reader) -> None:
        """As `rasa run -m models/NAME.tar.gz` or PUT /model do."""
        self._name, self._reader = name, reader

    def parse(self, text: str) -> dict[str, Any]:
        """A message in which there is nothing has no intent and no ranking."""
        ranking = self._reader.ranking(text) if text.strip() else []
        best = ranking[0] if ranking else {"name": None, "confidence": 0.0}
        tokens = [[0, len(text)]] if text.strip() else []
        return {"text": text, "intent": best, "entities": [], "text_tokens": tokens, "intent_ranking": ranking}

    def status(self) -> dict[str, Any]:
        return {"model_file": f"{self._name}.tar.gz", "model_id": "0" * 32, "num_active_training_jobs": 0}

    def refusal(self, request: Request) -> Response | None:
        if self._token and request.query_params.get("token") != self._token:
            return _failure(401, "NotAuthenticated", "User is not authenticated.")
        if not self._name:
            return _failure(409, "Conflict", "No agent loaded. To continue processing, a model of a trained agent ...")
        return None

    async def fault(self, parsing: bool) -> Response | None:
        """What goes wrong now instead of an answer."""
        now = self.faults.now
        if now.of_parsing and not parsing:
            return None
        await asyncio.sleep(now.slow)
        if now.html:
            return HTMLResponse("<html><body><h1>502 Bad Gateway</h1></body></html>")
        if now.broken:
            return _failure(500, "ParsingError", "An unexpected error occurred. Error: out of memory")
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
            return _failure(
                500, "ParsingError", "An unexpected error occurred. Error: Failed when parsing body as json"
            )
        service.asked.append(text)
        return JSONResponse(service.parse(text))

    async def status(request: Request) -> Response:
        service.looked_at += 1
        return service.refusal(request) or await service.fault(parsing=False) or JSONResponse(service.status())

    async def version(_: Request) -> Response:
        return JSONResponse({"version": VERSION, "minimum_compatible_version": VERSION})

    async def hello(_: Request) -> Response:
        return PlainTextResponse(f"Hello from Rasa: {VERSION}")

    routes = [
        Route("/", hello),
        Route("/version", version),
        Route("/status", status),
        Route("/model/parse", parse, methods=["POST"]),
    ]
    return Simulator(Starlette(routes=routes), lambda: None)


def _failure(code: int, reason: str, message: str) -> Response:
    content: dict[str, Any] = {
        "version": VERSION,
        "status": "failure",
        "message": message,
        "reason": reason,
        "details": {},
        "help": None,
        "code": code,
    }
    return JSONResponse(content, code)
