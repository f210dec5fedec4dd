"""Customer-service messages: sent once, and every failure carries its decision. Over real HTTP on loopback."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack

import pytest
from support.services import MovableClock
from support.wechat_api import HANG_UP, OK, Answer, MemoryTokenCache, Tencent, tencent
from support.wechat_payloads import APP_ID, KEY, NOW, OPENID, TOKEN

from bot.channels.wechat import WeChatChannel, WeChatClient, WeChatSettings, client, explain
from bot.channels.wechat.errors import RETRY_AFTER
from bot.domain.messages import Outbound
from bot.errors import DeliveryFailed

SECRET = "0123456789abcdef0123456789abcdef"
SEND, FETCH = "/message/custom/send", "/stable_token"


@pytest.fixture
def server() -> Iterator[Tencent]:
    with tencent() as running:
        yield running


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same limits, in less time."""
    monkeypatch.setattr(client, "TOTAL_SECONDS", 0.4)
    monkeypatch.setattr(client, "CONNECT_SECONDS", 0.2)


def settings_for(url: str) -> WeChatSettings:
    return WeChatSettings.model_validate(
        {"app_id": APP_ID, "app_secret": SECRET, "token": TOKEN, "encoding_aes_key": KEY, "api_url": url}
    )


def channel_at(url: str, tokens: MemoryTokenCache | None = None, clock: MovableClock | None = None) -> WeChatChannel:
    settings = settings_for(url)
    client = WeChatClient(settings, MemoryTokenCache() if tokens is None else tokens, clock or MovableClock(NOW))
    return WeChatChannel("shop", settings, client)


def with_channel(channel: WeChatChannel, doing: Callable[[WeChatChannel], Awaitable[None]]) -> None:
    async def run() -> None:
        try:
            await doing(channel)
        finally:
            await channel.close()

    asyncio.run(run())


def send(channel: WeChatChannel, *texts: str) -> None:
    """Send texts at the same time, then close."""

    async def all_at_once(channel: WeChatChannel) -> None:
        await asyncio.gather(*(channel.send(outbound(text)) for text in texts))

    with_channel(channel, all_at_once)


def outbound(text: str) -> Outbound:
    return Outbound("1", "shop", OPENID, "", text)


def failed(channel: WeChatChannel) -> DeliveryFailed:
    with pytest.raises(DeliveryFailed) as failure:
        send(channel, "您好")
    return failure.value


def decision(failure: DeliveryFailed) -> tuple[bool, bool, bool]:
    return failure.permanent, failure.retry_after is not None, failure.ambiguous


PERMANENT, LATER, IN_DOUBT = (True, False, False), (False, True, False), (False, False, True)


def test_a_text_is_sent_unchanged(server: Tencent) -> None:
    send(channel_at(server.url), "您的积分：1,280 🎁 \x00]]>")
    (call,) = server.called(SEND)
    assert call.query == {"access_token": ["token-1"]}
    assert call.json == {"touser": OPENID, "msgtype": "text", "text": {"content": "您的积分：1,280 🎁 ]]>"}}
    assert "您的积分".encode() in call.body  # WeChat would show \u escapes as they are


def test_forty_messages_at_once_fetch_one_token(server: Tencent) -> None:
    send(channel_at(server.url), *map(str, range(40)))
    (fetch,) = server.called(FETCH)
    assert fetch.json == {
        "grant_type": "client_credential",
        "appid": APP_ID,
        "secret": SECRET,
        "force_refresh": False,
    }
    assert sorted(int(call.json["text"]["content"]) for call in server.called(SEND)) == list(range(40))


def test_processes_share_one_token_through_redis(server: Tencent) -> None:
    tokens = MemoryTokenCache()
    for _ in range(3):
        send(channel_at(server.url, tokens), "您好")
    assert len(server.called(FETCH)) == 1


def test_without_redis_a_process_keeps_its_own_token(server: Tencent) -> None:
    async def twice(channel: WeChatChannel) -> None:
        await channel.send(outbound("1"))
        await channel.send(outbound("2"))

    with_channel(channel_at(server.url, MemoryTokenCache(gone=True)), twice)
    assert len(server.called(FETCH)) == 1
    assert len(server.called(SEND)) == 2


def test_another_processs_fresher_token_is_used_when_ours_expires(server: Tencent) -> None:
    """wechatpy fetches again, because it remembers when its own would have lapsed (wechatpy#684)."""
    clock, tokens = MovableClock(NOW), MemoryTokenCache()

    async def over_two_hours(channel: WeChatChannel) -> None:
        await channel.send(outbound("1"))
        clock.move(7200)
        await tokens.put(f"wechat:{APP_ID}", "fetched-by-another", clock.now() + 7000)
        await channel.send(outbound("2"))

    with_channel(channel_at(server.url, tokens, clock), over_two_hours)
    assert [call.query["access_token"] for call in server.called(SEND)] == [["token-1"], ["fetched-by-another"]]
    assert len(server.called(FETCH)) == 1


def test_an_expired_token_is_renewed(server: Tencent) -> None:
    clock = MovableClock(NOW)

    async def over_two_hours(channel: WeChatChannel) -> None:
        for _ in range(3):
            await channel.send(outbound("您好"))
            clock.move(7199)

    with_channel(channel_at(server.url, clock=clock), over_two_hours)
    tokens = [call.query["access_token"][0] for call in server.called(SEND)]
    assert tokens == ["token-1", "token-2", "token-3"]


@pytest.mark.parametrize("code", [40001, 40014, 42001])
def test_a_rejected_token_is_replaced_once_and_the_message_is_sent(server: Tencent, code: int) -> None:
    server.sends.append(Answer({"errcode": code, "errmsg": "invalid credential"}))
    tokens = MemoryTokenCache()
    send(channel_at(server.url, tokens), "您好")
    assert [call.query["access_token"] for call in server.called(SEND)] == [["token-1"], ["token-2"]]
    assert tokens.kept[f"wechat:{APP_ID}"][0] == "token-2"


def test_a_rejected_token_that_is_given_again_is_refreshed_by_force(server: Tencent) -> None:
    server.tokens.extend(Answer({"access_token": name, "expires_in": 7200}) for name in ("old", "old", "new"))
    server.sends.append(Answer({"errcode": 40001}))
    send(channel_at(server.url), "您好")
    assert [fetch.json["force_refresh"] for fetch in server.called(FETCH)] == [False, False, True]
    assert [call.query["access_token"] for call in server.called(SEND)] == [["old"], ["new"]]


def test_a_bad_credential_costs_at_most_two_sends(server: Tencent) -> None:
    """wechatpy makes 986 calls here and dies of recursion (reference 1.11)."""
    server.sends.extend(Answer({"errcode": 40001}) for _ in range(10))
    failure = failed(channel_at(server.url))
    assert (failure.code, decision(failure), failure.halts_account) == ("wechat:40001", LATER, True)
    assert len(server.called(SEND)) == 2
    assert len(server.called(FETCH)) == 2


def test_twenty_rejected_at_once_share_one_replacement(server: Tencent) -> None:
    server.rejected["token-1"] = 42001
    send(channel_at(server.url), *map(str, range(20)))
    assert len(server.called(FETCH)) == 2
    delivered = [call for call in server.called(SEND) if call.query["access_token"] == ["token-2"]]
    assert sorted(int(call.json["text"]["content"]) for call in delivered) == list(range(20))


@pytest.mark.parametrize("code", [-1, 45009, 45011])
def test_a_busy_platform_is_retried_later(server: Tencent, code: int) -> None:
    server.sends.append(Answer({"errcode": code, "errmsg": "busy"}))
    failure = failed(channel_at(server.url))
    assert (failure.code, failure.retry_after) == (f"wechat:{code}", RETRY_AFTER[code])
    assert decision(failure) == LATER
    assert len(server.called(SEND)) == 1


@pytest.mark.parametrize("code", [40003, 43004, 45002, 45015, 45047, 48002, 50005, 99999])
def test_a_refusal_is_final_and_keeps_wechats_code(server: Tencent, code: int) -> None:
    server.sends.append(Answer({"errcode": code, "errmsg": f"no, {OPENID} rid: 5f"}))
    failure = failed(channel_at(server.url))
    assert (failure.code, decision(failure)) == (f"wechat:{code}", PERMANENT)
    assert (failure.awaits_customer, failure.halts_account) == (code in (45015, 45047), False)
    assert OPENID not in str(failure)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (Answer(status=500), "wechat:http-500"),
        (Answer(b"<html>502 Bad Gateway</html>", status=502), "wechat:http-502"),
        (Answer(b"<html>welcome to the hotel</html>"), "wechat:unclear"),
        (Answer(b""), "wechat:unclear"),
        (Answer(b"\xff\xfe\x00"), "wechat:unclear"),
        (Answer([OK]), "wechat:unclear"),
        (Answer({}), "wechat:unclear"),
        (Answer({"errcode": "0"}), "wechat:unclear"),
        (Answer(status=HANG_UP), "wechat:timeout"),
    ],
    ids=["500", "502", "html", "empty", "bytes", "list", "no errcode", "errcode as text", "hung up"],
)
def test_a_wechat_send_that_may_have_arrived_is_left_to_staff(server: Tencent, answer: Answer, code: str) -> None:
    server.sends.append(answer)
    failure = failed(channel_at(server.url))
    assert (failure.code, decision(failure)) == (code, IN_DOUBT)
    assert len(server.called(SEND)) == 1


@pytest.mark.usefixtures("hurried")
def test_a_send_without_an_answer_in_time_is_left_to_staff(server: Tencent) -> None:
    server.sends.append(Answer(after=0.8))
    failure = failed(channel_at(server.url))
    assert (failure.code, decision(failure)) == ("wechat:timeout", IN_DOUBT)


@pytest.mark.parametrize(("status", "expected"), [(403, LATER), (404, LATER), (302, LATER), (429, LATER)])
def test_an_error_of_a_proxy_is_told_apart_from_one_of_wechat(
    server: Tencent, status: int, expected: tuple[bool, bool, bool]
) -> None:
    server.sends.append(Answer(b"blocked", status=status))
    failure = failed(channel_at(server.url))
    assert (failure.code, decision(failure)) == (f"wechat:http-{status}", expected)
    assert failure.halts_account is (status != 429)
    assert "api_url" in explain("wechat:http-403").text("en")


def test_a_refused_connection_means_that_nothing_was_sent() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        failure = failed(channel_at(f"http://127.0.0.1:{taken.getsockname()[1]}"))
    assert (failure.code, decision(failure)) == ("wechat:unreachable", LATER)


@pytest.mark.usefixtures("hurried")
def test_a_server_that_accepts_no_connections_means_that_nothing_was_sent() -> None:
    with ExitStack() as sockets:
        full = sockets.enter_context(socket.socket())
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(4):  # fill the backlog: the kernel lets later ones hang
            waiting = sockets.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        failure = failed(channel_at(f"http://127.0.0.1:{full.getsockname()[1]}"))
    assert (failure.code, decision(failure)) == ("wechat:unreachable", LATER)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Answer({"errcode": -1, "errmsg": "busy"}), LATER),
        (Answer({"errcode": 40164, "errmsg": "invalid ip 1.2.3.4, not in whitelist"}), LATER),
        (Answer({"errcode": 40125}), LATER),
        (Answer({"errcode": 45009}), LATER),
        (Answer(status=503), LATER),
        (Answer(b"not JSON"), LATER),
        (Answer(status=HANG_UP), LATER),
        (Answer({"access_token": "", "expires_in": 7200}), LATER),
        (Answer({"access_token": "t", "expires_in": "soon"}), LATER),
    ],
)
def test_without_a_token_nothing_was_sent_so_nothing_is_in_doubt(
    server: Tencent, answer: Answer, expected: tuple[bool, bool, bool]
) -> None:
    server.tokens.append(answer)
    assert decision(failed(channel_at(server.url))) == expected
    assert server.called(SEND) == []


def test_doctor_can_check_the_credentials(server: Tencent) -> None:
    async def examine() -> None:
        client = WeChatClient(settings_for(server.url), MemoryTokenCache(), MovableClock(NOW))
        try:
            await client.check()
        finally:
            await client.close()

    asyncio.run(examine())
    server.tokens.append(Answer({"errcode": 40125}))
    with pytest.raises(DeliveryFailed, match="wechat:40125"):
        asyncio.run(examine())


def test_an_account_without_the_interface_says_so() -> None:
    settings = settings_for("http://127.0.0.1:9").model_copy(update={"api": "none"})
    failure = failed(WeChatChannel("shop", settings, None))
    assert (failure.code, decision(failure)) == ("wechat:no-api", PERMANENT)


def test_neither_token_nor_secret_nor_text_is_logged(server: Tencent, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        send(channel_at(server.url), "a private matter")
    assert "custom/send" in caplog.text
    for hidden in ("token-1", SECRET, "a private matter", OPENID):
        assert hidden not in caplog.text


CODES = [-1, 40001, 40002, 40003, 40013, 40014, 40125, 40164, 41001, 42001, 43004, 45002, 45009, 45011, 45015]
CODES += [45047, 48001, 48002, 48004, 50002, 50005, 89503]


@pytest.mark.parametrize("code", [*map(str, CODES), "no-api", "unreachable", "timeout", "unclear", "http-502"])
def test_every_error_code_is_explained_in_both_languages(code: str) -> None:
    chinese, english = explain(f"wechat:{code}").text("zh"), explain(f"wechat:{code}").text("en")
    assert any("一" <= letter <= "鿿" for letter in chinese)
    assert english.isascii()
    assert code not in english
    assert chinese.endswith("。")
    assert english.endswith(".")


def test_an_unknown_error_code_is_named() -> None:
    assert explain("wechat:61099").text("en") == "WeChat refused it (code 61099)."
    assert explain("wechat:61099").text("zh") == "微信拒绝了（代码 61099）。"
