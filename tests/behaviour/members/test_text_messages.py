"""Where one-time codes go, and what a sender says when they do not arrive."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from support.builders import conversation
from support.services import MovableClock
from support.wechat_webhook import ACCOUNT

from bot.domain.decisions import Effect
from bot.errors import DeliveryFailed
from bot.members.verification import HttpCodeSender, NoSmsGateway, RecordingSender, TextMessage
from bot.ports.nlu import CodeSender
from bot.simulators.wechat import Platform, running


def test_a_text_message_arrives_once_on_the_phone_page_however_often_it_is_sent() -> None:
    async def story() -> None:
        async with Platform(ACCOUNT, "http://127.0.0.1:9/wechat", MovableClock()) as platform, running(platform) as url:
            sender = HttpCodeSender(f"{url}/sms")
            for _ in range(3):
                await sender.send("13800000001", "您的验证码是 123456", "row-1")
            await sender.send("13800000001", "您的验证码是 654321", "row-2")
            assert [(sms.phone, sms.text) for sms in platform.sms.all()] in (
                [("13800000001", "您的验证码是 123456"), ("13800000001", "您的验证码是 654321")],
                [("13800000001", "您的验证码是 654321"), ("13800000001", "您的验证码是 123456")],
            )

    asyncio.run(story())


Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[Any, Any, None]]


def answering(status: int) -> Answer:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.1 {status} .\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".encode())
        await writer.drain()
        writer.close()

    return answer


async def hanging_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.close()


def refused_by(answer: Answer) -> DeliveryFailed:
    async def story() -> None:
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            await HttpCodeSender(f"http://127.0.0.1:{port}/sms").send("13800000001", "123456", "row-1")

    with pytest.raises(DeliveryFailed) as failed:
        asyncio.run(story())
    return failed.value


@pytest.mark.parametrize(("answer", "code"), [(answering(503), "http_503"), (hanging_up, "RemoteProtocolError")])
def test_a_gateway_error_is_retried(answer: Answer, code: str) -> None:
    failed = refused_by(answer)
    assert (failed.code, failed.permanent, failed.ambiguous, failed.retry_after) == (code, False, False, 2.0)


def test_a_refusal_of_the_gateway_is_final() -> None:
    failed = refused_by(answering(422))
    assert (failed.code, failed.permanent) == ("http_422", True)


def test_an_unreachable_gateway_is_retried() -> None:
    async def story() -> None:
        server = await asyncio.start_server(hanging_up, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        server.close()
        await server.wait_closed()
        await HttpCodeSender(f"http://127.0.0.1:{port}/sms").send("13800000001", "123456", "row-1")

    with pytest.raises(DeliveryFailed) as failed:
        asyncio.run(story())
    assert failed.value.retry_after == 2.0


def test_a_failure_contains_neither_phone_nor_code() -> None:
    for failed in (refused_by(answering(500)), refused_by(hanging_up)):
        told = f"{failed!r} {failed.__cause__!r}"
        assert "13800000001" not in told
        assert "123456" not in told


def test_the_recording_sender_remembers_each_message_once() -> None:
    sender = RecordingSender()

    async def story(sender: CodeSender) -> None:
        for key in ("row-1", "row-1", "row-2"):
            await sender.send("13800000001", f"code for {key}", key)

    asyncio.run(story(sender))
    assert sender.sent == [
        TextMessage("13800000001", "code for row-1", "row-1"),
        TextMessage("13800000001", "code for row-2", "row-2"),
    ]


@pytest.mark.parametrize("key", ["13800000001", "nobody"])
def test_without_a_gateway_sending_a_code_fails_permanently(key: str) -> None:
    somebody = conversation("fake")
    with pytest.raises(DeliveryFailed) as failed:
        asyncio.run(NoSmsGateway().carry_out(Effect("send_link_code", {"key": key}), "row-1", somebody))
    assert (failed.value.code, failed.value.permanent) == ("no_sms_gateway", True)
