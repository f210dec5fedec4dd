"""The simulator's signatures and encryption against Tencent's vectors, other projects' vectors, and wechatpy."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.paths import PAYLOADS
from support.wechat_webhook import ACCOUNT
from wechatpy.crypto import WeChatCrypto

from bot.errors import SettingError
from bot.simulators.wechat import SimulatedAccount
from bot.simulators.wechat.envelopes import DecryptError, MessageCipher, signature

VECTORS = json.loads((PAYLOADS / "wechat" / "vectors.json").read_text(encoding="utf-8"))
CIPHER = MessageCipher(ACCOUNT.encoding_aes_key, ACCOUNT.app_id)
PEER = WeChatCrypto(ACCOUNT.token, ACCOUNT.encoding_aes_key, ACCOUNT.app_id)
SAYABLE = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=400)


def _source(vector: dict[str, Any]) -> str:
    return str(vector["source"])


@pytest.mark.parametrize("vector", VECTORS["url_verification"], ids=_source)
def test_the_url_signature_equals_tencents(vector: dict[str, str]) -> None:
    assert signature(vector["token"], vector["timestamp"], vector["nonce"]) == vector["signature"]


@pytest.mark.parametrize("vector", VECTORS["decrypt"], ids=_source)
def test_published_ciphertexts_open_under_their_signature(vector: dict[str, Any]) -> None:
    proof = signature(vector["token"], vector["timestamp"], vector["nonce"], vector["encrypt"])
    text = MessageCipher(vector["encoding_aes_key"], vector["app_id"]).decrypt(vector["encrypt"])
    assert proof == vector["msg_signature"]
    assert len(text) == vector.get("expect", {}).get("length", len(text))
    assert vector.get("expect", {}).get("contains", "").encode() in text
    assert text[:1] in (b"{", b"<")


@pytest.mark.parametrize("vector", VECTORS["encrypt"], ids=_source)
def test_sealing_repeats_published_ciphertexts_byte_for_byte(vector: dict[str, str]) -> None:
    cipher = MessageCipher(vector["encoding_aes_key"], vector["app_id"])
    assert cipher.encrypt(vector["plaintext"].encode(), vector["random"].encode()) == vector["encrypt"]


@given(SAYABLE)
def test_wechatpy_decrypts_what_the_simulator_encrypts(text: str) -> None:
    envelope = f"<xml><ToUserName>gh</ToUserName><Encrypt>{CIPHER.encrypt(text.encode())}</Encrypt></xml>"
    sealed = envelope.partition("<Encrypt>")[2].partition("</Encrypt>")[0]
    proof = signature(ACCOUNT.token, "1", "2", sealed)
    assert PEER.decrypt_message(envelope, proof, "1", "2") == text


@given(st.binary(max_size=2048))
def test_an_encrypted_message_is_decrypted_to_the_same_text(text: bytes) -> None:
    assert CIPHER.decrypt(CIPHER.encrypt(text)) == text


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_a_changed_byte_never_passes_as_the_message(place: int, flip: int) -> None:
    raw = bytearray(base64.b64decode(CIPHER.encrypt(b"points: 120")))
    raw[place % len(raw)] ^= flip
    changed = base64.b64encode(bytes(raw)).decode()
    try:
        assert CIPHER.decrypt(changed) != b"points: 120"
    except DecryptError:
        return


@given(st.one_of(st.text(max_size=200), st.binary(max_size=200).map(bytes.hex)))
def test_nonsense_raises_decrypt_error_only(sealed: str) -> None:
    with pytest.raises(DecryptError):
        CIPHER.decrypt(sealed)


def test_a_message_for_another_account_is_not_decrypted() -> None:
    with pytest.raises(DecryptError, match="another app id"):
        MessageCipher(ACCOUNT.encoding_aes_key, "wx0000000000000000").decrypt(CIPHER.encrypt(b"hello"))


def test_a_short_encoding_aes_key_is_named_at_the_start() -> None:
    with pytest.raises(SettingError, match="43 letters and digits"):
        SimulatedAccount("wx1", "secret", "token", "short", "gh_1")
