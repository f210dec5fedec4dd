"""Bad input is cheap (P9): refused with a word, or kept as what it is; never a 500, and nothing stored."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest
from sqlalchemy import func, select
from support.services import MovableClock
from support.shop import OPEN_MONDAY, Shop, deployment_in
from support.webhook_requests import Platforms, platforms
from support.wechat_webhook import ACCOUNT

from bot.domain.messages import Kind
from bot.simulators.wechat import actions
from bot.simulators.wechat.envelopes import Envelopes
from bot.stores.sql.database import Database
from bot.stores.sql.schema import messages

PATH = "/wechat/official"
QUICKLY = 0.1


def account(mode: str = "safe") -> dict[str, object]:
    return {
        "name": "official",
        "channel": "wechat",
        "app_id": ACCOUNT.app_id,
        "token": ACCOUNT.token,
        "encoding_aes_key": ACCOUNT.encoding_aes_key,
        "mode": mode,
        "api": "none",
    }


@pytest.fixture
def official(tmp_path: Path, shipped_edition: tuple[str, bytes]) -> Iterator[Shop]:
    """A shop with one WeChat account in safe mode and one in plain."""
    plain = {**account("plain"), "name": "plain"}
    url = f"sqlite:///{tmp_path / 'record.sqlite'}"
    clock = MovableClock(OPEN_MONDAY)
    deployment = deployment_in(tmp_path, accounts=[account(), plain])
    shop = Shop(deployment, Database(url, clock.now), clock, shipped_edition, own_channels=True)
    yield shop
    shop.close()


@pytest.fixture
def wechat(official: Shop) -> Platforms:
    return platforms(official)


def kept(shop: Shop) -> int:
    count = select(func.count()).select_from(messages)
    return int(shop.run(shop.database.read(lambda connection: connection.execute(count).scalar_one())))


def signed(token: str = ACCOUNT.token, at: float | None = None, nonce: str = "n0nce") -> str:
    stamp = str(int(time.time() if at is None else at))
    signature = hashlib.sha1("".join(sorted((token, stamp, nonce))).encode()).hexdigest()
    return urlencode({"signature": signature, "timestamp": stamp, "nonce": nonce, "openid": "oAlice"})


def sealed(text: str = "怎么退货？", at: float | None = None) -> tuple[str, bytes]:
    """What Tencent would push."""
    push = Envelopes(ACCOUNT).seal("oAlice", actions.text(text), 7, time.time() if at is None else at)
    return f"{PATH}?{urlencode(push.query)}", push.body


def test_a_correctly_encrypted_push_is_answered_and_stored(official: Shop, wechat: Platforms) -> None:
    response = wechat.post(*sealed())
    assert (response.status_code, b"<Encrypt>" in response.content) == (200, True)
    assert kept(official) == 2


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path, body: (path.replace("msg_signature=", "msg_signature=0"), body),
        lambda path, body: (path, body.replace(b"<Encrypt><![CDATA[A", b"<Encrypt><![CDATA[B", 1)[:-9] + b"x</xml>"),
        lambda path, body: sealed(at=time.time() - 3600),
        lambda path, body: (f"{PATH}?{signed()}", b"<xml><ToUserName>a</ToUserName><FromUserName>b</FromUserName>"
                            b"<CreateTime>1</CreateTime><MsgType>text</MsgType><Content>hi</Content>"
                            b"<MsgId>1</MsgId></xml>"),
    ],
    ids=["wrong signature", "tampered ciphertext", "stale timestamp", "plain push to a safe account"],
)  # fmt: skip
def test_a_push_without_a_valid_signature_is_refused_with_403_and_not_stored(
    official: Shop, wechat: Platforms, spoil: Callable[[str, bytes], tuple[str, bytes]]
) -> None:
    response = wechat.post(*spoil(*sealed()))
    assert response.status_code in (400, 403)
    assert kept(official) == 0


ODD = {
    "malformed": b"<xml><MsgType>text",
    "an entity bomb": b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><xml><MsgType>&b;</MsgType></xml>',
    "10 MB": b"<xml>" + b"a" * 10_000_000 + b"</xml>",
    "duplicate tags": b"<xml><MsgType>text</MsgType><MsgType>image</MsgType></xml>",
    "no MsgType": b"<xml><ToUserName>a</ToUserName><FromUserName>b</FromUserName><CreateTime>1</CreateTime></xml>",
    "100,000 nested tags": b"<a>" * 100_000,
    "20,000 nested tags": b"<a>" * 20_000,
    "lone surrogates": "<xml><MsgType>text</MsgType><Content>\ud800</Content></xml>".encode("utf-8", "surrogatepass"),
    "nothing": b"",
    "not XML": b"\x00\xff" * 100,
}


@pytest.mark.parametrize("name", sorted(ODD))
@pytest.mark.parametrize("path", [PATH, "/wechat/plain"])
def test_malformed_bodies_are_quickly_refused_or_stored_as_unsupported(wechat: Platforms, name: str, path: str) -> None:
    quickest = 1.0
    for attempt in range(3):
        started = time.perf_counter()
        response = wechat.post(f"{path}?{signed(nonce=str(attempt))}", ODD[name])
        quickest = min(quickest, time.perf_counter() - started)
        assert response.status_code in (200, 400, 403, 413)
    assert quickest < QUICKLY


def test_a_signed_message_of_an_unknown_kind_is_stored_and_answered(official: Shop, wechat: Platforms) -> None:
    body = (
        "<xml><ToUserName>gh_x</ToUserName><FromUserName>oAlice</FromUserName><CreateTime>1790000000</CreateTime>"
        "<MsgType>hologram</MsgType><MsgId>9</MsgId></xml>"
    )
    response = wechat.post(f"/wechat/plain?{signed()}", body.encode())
    assert response.status_code == 200
    assert "文字" in response.text
    kinds = official.run(official.database.read(lambda connection: connection.execute(select(messages.c.kind)).all()))
    assert (Kind.UNSUPPORTED.value,) in [tuple(row) for row in kinds]


def test_refusals_are_counted_by_code_and_never_by_content(wechat: Platforms) -> None:
    from bot.telemetry import exposition

    wechat.post(f"{PATH}?{signed('wrong token')}", b"<xml/>")
    counted = exposition().decode()
    assert 'yingda_messages_refused_total{account="official"' in counted
    assert "oAlice" not in counted


def test_an_unknown_account_is_not_found(wechat: Platforms) -> None:
    assert wechat.post("/wechat/nobody", b"<xml/>").status_code in (404, 405)


def test_the_handshake_returns_the_echo_only_to_a_request_signed_with_the_token(wechat: Platforms) -> None:
    assert wechat.call("GET", f"{PATH}?{signed()}&echostr=4711").text == "4711"
    assert wechat.call("GET", f"{PATH}?{signed('other')}&echostr=4711").status_code == 403
