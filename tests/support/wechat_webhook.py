"""A shop's webhook: real HTTP on loopback, and WeChat's protocol by wechatpy instead of the simulator's code."""

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
SUCCESS = b"success"


@dataclass(frozen=True)
class Push:
    """One push as it arrived. at: seconds on a clock that only goes forward."""

    at: float
    query: dict[str, str]
    body: bytes
    message: BaseMessage


@dataclass
class Shop:
    """What the webhook does with push number 1, 2, ...: what it says, after how many seconds, with which status.

    Text is answered as a proper reply in the account's mode, bytes as they are.
    """

    account: SimulatedAccount = ACCOUNT
    answers: Callable[[int, BaseMessage], str | bytes] = lambda *_: SUCCESS
    seconds: Callable[[int], float] = lambda _: 0.0
    status: Callable[[int], int] = lambda _: 200
    echoes: Callable[[str], str] = lambda echostr: echostr
    pushes: list[Push] = field(default_factory=list)
    address: str = ""

    def heard(self) -> list[str]:
        """The texts of all pushes in the order of their arrival."""
        return [str(push.message.content) for push in self.pushes]

    async def handle(self, request: Request) -> Response:
        query = dict(request.query_params)
        check_signature(self.account.token, query["signature"], query["timestamp"], query["nonce"])
        if request.method == "GET":
            return PlainTextResponse(self.echoes(query["echostr"]))
        body = await request.body()
        message = parse_message(self._opened(query, body))
        self.pushes.append(Push(time.monotonic(), query, body, message))
        number = len(self.pushes)
        await asyncio.sleep(self.seconds(number))
        answer = self.answers(number, message)
        sealed = answer if isinstance(answer, bytes) else self.sealed(query, message, answer)
        return Response(sealed, self.status(number))

    def _opened(self, query: dict[str, str], body: bytes) -> str:
        if self.account.mode == "plain":
            return body.decode()
        crypto = self._crypto()
        return str(crypto.decrypt_message(body, query["msg_signature"], query["timestamp"], query["nonce"]))

    def sealed(self, query: dict[str, str], message: BaseMessage, answer: str) -> bytes:
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
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="critical", timeout_graceful_shutdown=1))
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
