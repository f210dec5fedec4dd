"""A webhook as a shop might run it: real HTTP on loopback, WeChat's protocol by wechatpy as an independent peer."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from wechatpy.crypto import WeChatCrypto
from wechatpy.messages import BaseMessage
from wechatpy.parser import parse_message
from wechatpy.replies import TextReply
from wechatpy.utils import check_signature

from bot.simulators.wechat import SimulatedAccount

ACCOUNT = SimulatedAccount(
    app_id="wxb11529c136998cb6",
    app_secret="a-secret-of-thirty-two-letters-00",
    token="pamtest",
    encoding_aes_key="abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG",
    original_id="gh_10f6c3c3ac5a",
)


@dataclass
class Knock:
    """One request as it arrived. at: seconds since the first."""

    at: float
    query: dict[str, str]
    body: bytes
    message: BaseMessage


@dataclass
class Shop:
    """What the webhook does: `answers` gives the reply text (None: 'success'), or bytes to be sent as they are."""

    account: SimulatedAccount
    answers: Callable[[int, BaseMessage], str | bytes | None] = lambda number, message: None
    seconds: Callable[[int], float] = lambda number: 0.0
    status: Callable[[int], int] = lambda number: 200
    knocks: list[Knock] = field(default_factory=list)
    address: str = ""

    async def handle(self, request: Request) -> Response:
        query = dict(request.query_params)
        check_signature(self.account.token, query["signature"], query["timestamp"], query["nonce"])
        if request.method == "GET":
            return PlainTextResponse(query["echostr"])
        body = await request.body()
        message = parse_message(self._opened(query, body))
        first = self.knocks[0].at if self.knocks else time.monotonic()
        self.knocks.append(Knock(time.monotonic() if not self.knocks else time.monotonic(), query, body, message))
        number = len(self.knocks)
        del first
        await asyncio.sleep(self.seconds(number))
        answer = self.answers(number, message)
        body = answer if isinstance(answer, bytes) else self._sealed(query, message, answer)
        return Response(body, self.status(number))

    def _opened(self, query: dict[str, str], body: bytes) -> str:
        if self.account.mode == "plain":
            return body.decode()
        opened = self._crypto().decrypt_message(body, query["msg_signature"], query["timestamp"], query["nonce"])
        return str(opened)

    def _sealed(self, query: dict[str, str], message: BaseMessage, answer: str | None) -> bytes:
        if answer is None:
            return b"success"
        plain: str = TextReply(content=answer, message=message).render()
        if self.account.mode == "plain":
            return plain.encode()
        return str(self._crypto().encrypt_message(plain, query["nonce"], str(int(time.time())))).encode()

    def _crypto(self) -> WeChatCrypto:
        return WeChatCrypto(self.account.token, self.account.encoding_aes_key, self.account.app_id)


@contextmanager
def opened(shop: Shop) -> Iterator[Shop]:
    """The shop's webhook, served by uvicorn in a thread of its own."""
    app = Starlette(routes=[Route("/wechat", shop.handle, methods=["GET", "POST"])])
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.005)
    shop.address = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/wechat"
    try:
        yield shop
    finally:
        server.should_exit = True
        thread.join()
