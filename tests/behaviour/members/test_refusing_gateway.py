"""The gateway of text messages rejects our key or has no credit left: it is left alone, and people take over."""

from __future__ import annotations

import asyncio

import pytest
from support.services import MovableClock

from bot.circuit_breaker import AccountHalt
from bot.errors import DeliveryFailed
from bot.members.verification import SMS_GATEWAY, SMS_PREFIX, HttpCodeSender, explain
from bot.stores.sql.database import Database
from bot.stores.sql.rate_limits import FIRST_PROBE, SqlRateLimits


class Gateway:
    """Answers with a status and counts how often it was asked."""

    def __init__(self, status: int) -> None:
        self.status, self.asked = status, 0

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        self.asked += 1
        writer.write(f"HTTP/1.1 {self.status} .\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".encode())
        await writer.drain()
        writer.close()


@pytest.mark.parametrize("status", [401, 402, 403])
def test_a_refusing_gateway_gets_no_requests_for_a_while(database: Database, clock: MovableClock, status: int) -> None:
    gateway = Gateway(status)

    async def story() -> None:
        server = await asyncio.start_server(gateway.answer, "127.0.0.1", 0)
        async with server:
            rate_limits = SqlRateLimits(database)
            port = server.sockets[0].getsockname()[1]
            sender = HttpCodeSender(f"http://127.0.0.1:{port}/sms", AccountHalt(SMS_GATEWAY, SMS_PREFIX, rate_limits))
            for _ in range(5):
                with pytest.raises(DeliveryFailed) as failed:
                    await sender.send("13800000001", "123456", "row")
                assert (failed.value.code, failed.value.permanent) == (f"sms:{status}", True)
            assert gateway.asked == 1
            assert (await rate_limits.sending_status(SMS_GATEWAY)).halted == f"sms:{status}"
            gateway.status = 200
            clock.move(FIRST_PROBE)
            for _ in range(3):
                await sender.send("13800000001", "123456", "row")
            assert gateway.asked == 4
            assert (await rate_limits.sending_status(SMS_GATEWAY)).halted == ""

    asyncio.run(story())


@pytest.mark.parametrize("status", [401, 402, 403])
def test_the_reason_for_sending_no_codes_is_given_in_both_languages(status: int) -> None:
    assert "短信网关" in explain(f"sms:{status}").text("zh")
    assert explain(f"sms:{status}").text("en").isascii()
