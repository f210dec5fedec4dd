"""WeChat's encryption and signatures, checked against vectors that others published."""

from __future__ import annotations

from typing import Any

import pytest
from support.wechat_payloads import APP_ID, KEY, VECTORS

from bot.channels.wechat import WeChatChannel, WeChatSettings
from bot.channels.wechat.security import MessageCrypto, sign
from bot.domain.messages import Handshake, Inbound, Messages, RawRequest
from bot.errors import Refused


def _source(vector: dict[str, Any]) -> str:
    return str(vector["source"])


@pytest.mark.parametrize("vector", VECTORS["url_verification"], ids=_source)
def test_the_official_handshakes_are_signed_as_wechat_signed_them(vector: dict[str, Any]) -> None:
    assert sign(vector["token"], vector["timestamp"], vector["nonce"]) == vector["signature"]


def test_the_official_handshake_is_answered_with_its_echo_byte_for_byte() -> None:
    vector = VECTORS["url_verification"][0]
    settings = WeChatSettings.model_validate({"app_id": APP_ID, "token": "AAAAA", "mode": "plain", "api": "none"})
    query = {name: vector[name] for name in ("signature", "timestamp", "nonce", "echostr")}
    answer = WeChatChannel("shop", settings).receive(RawRequest("GET", query, {}, b"", float(vector["timestamp"])))
    assert isinstance(answer, Handshake)
    assert answer.response.body == b"4375120948345356249"
    assert answer.response.content_type.startswith("text/plain")


@pytest.mark.parametrize("vector", VECTORS["decrypt"], ids=_source)
def test_messages_encrypted_by_other_libraries_are_decrypted(vector: dict[str, Any]) -> None:
    message = MessageCrypto(vector["encoding_aes_key"], vector["app_id"]).decrypt(vector["encrypt"])
    expected = vector.get("expect", {})
    assert len(message) == expected.get("length", len(message))
    assert expected.get("contains", "") in message.decode()
    assert message.lstrip()[:1] in (b"<", b"{")
    signed = sign(vector["token"], vector["timestamp"], vector["nonce"], vector["encrypt"])
    assert signed == vector["msg_signature"]


@pytest.mark.parametrize("vector", VECTORS["encrypt"], ids=_source)
def test_encryption_equals_that_of_other_libraries(vector: dict[str, Any]) -> None:
    crypto = MessageCrypto(vector["encoding_aes_key"], vector["app_id"])
    sealed = crypto.encrypt(vector["plaintext"].encode(), vector["random"].encode())
    assert sealed == vector["encrypt"]
    if "msg_signature" in vector:
        assert sign(vector["token"], vector["timestamp"], vector["nonce"], sealed) == vector["msg_signature"]


@pytest.mark.parametrize("vector", VECTORS["decrypt"][2:], ids=_source)
def test_captured_safe_mode_pushes_go_through_the_whole_channel(vector: dict[str, Any]) -> None:
    inbound = _received(vector, at=float(vector["timestamp"]))
    assert inbound.handle
    assert inbound.dedup_key.startswith(inbound.handle)


@pytest.mark.parametrize("vector", VECTORS["decrypt"][2:], ids=_source)
def test_captured_pushes_are_stale_five_minutes_later(vector: dict[str, Any]) -> None:
    with pytest.raises(Refused) as refused:
        _received(vector, at=float(vector["timestamp"]) + 301)
    assert (refused.value.status, refused.value.code) == (403, "stale")


@pytest.mark.parametrize("vector", VECTORS["decrypt"], ids=_source)
def test_another_account_cannot_decrypt_our_messages(vector: dict[str, Any]) -> None:
    with pytest.raises(Refused) as refused:
        MessageCrypto(vector["encoding_aes_key"], "wx0000000000000000").decrypt(vector["encrypt"])
    assert (refused.value.status, refused.value.code) == (403, "app_id")


def test_two_replies_with_the_same_text_differ_when_encrypted() -> None:
    crypto = MessageCrypto(KEY, APP_ID)
    assert crypto.encrypt(b"<xml/>") != crypto.encrypt(b"<xml/>")


def _received(vector: dict[str, Any], at: float) -> Inbound:
    settings = {name: vector[name] for name in ("app_id", "token", "encoding_aes_key")} | {"api": "none"}
    query = {name: vector[name] for name in ("timestamp", "nonce", "msg_signature")}
    body = f"<xml><ToUserName><![CDATA[gh]]></ToUserName><Encrypt><![CDATA[{vector['encrypt']}]]></Encrypt></xml>"
    channel = WeChatChannel("shop", WeChatSettings.model_validate(settings))
    messages = channel.receive(RawRequest("POST", query, {}, body.encode(), at))
    assert isinstance(messages, Messages)
    return messages.inbounds[0]
