"""The simulator's signatures and encryption against Tencent's vectors, other projects' vectors, and wechatpy."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wechat_shop import ACCOUNT
from wechatpy.crypto import WeChatCrypto

from bot.errors import SettingError
from bot.simulators.wechat import SimulatedAccount
from bot.simulators.wechat.crypto import Tampered, Vault, signature

VECTORS = json.loads((Path(__file__).parent / "vectors.json").read_text(encoding="utf-8"))
VAULT = Vault(ACCOUNT.encoding_aes_key, ACCOUNT.app_id)
PEER = WeChatCrypto(ACCOUNT.token, ACCOUNT.encoding_aes_key, ACCOUNT.app_id)
SAYABLE = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=400)


def _source(vector: dict[str, Any]) -> str:
    return str(vector["source"])


@pytest.mark.parametrize("vector", VECTORS["url_verification"], ids=_source)
def test_the_url_signature_is_tencents(vector: dict[str, str]) -> None:
    assert signature(vector["token"], vector["timestamp"], vector["nonce"]) == vector["signature"]


@pytest.mark.parametrize("vector", VECTORS["decrypt"], ids=_source)
def test_published_ciphertexts_open_under_their_signature(vector: dict[str, Any]) -> None:
    proof = signature(vector["token"], vector["timestamp"], vector["nonce"], vector["encrypt"])
    text = Vault(vector["encoding_aes_key"], vector["app_id"]).open(vector["encrypt"])
    assert proof == vector["msg_signature"]
    assert len(text) == vector.get("expect", {}).get("length", len(text))
    assert vector.get("expect", {}).get("contains", "").encode() in text
    assert text[:1] in (b"{", b"<")


@pytest.mark.parametrize("vector", VECTORS["encrypt"], ids=_source)
def test_sealing_repeats_published_ciphertexts_byte_for_byte(vector: dict[str, str]) -> None:
    vault = Vault(vector["encoding_aes_key"], vector["app_id"])
    assert vault.seal(vector["plaintext"].encode(), vector["random"].encode()) == vector["encrypt"]


@given(SAYABLE)
def test_what_we_seal_wechatpy_opens(text: str) -> None:
    envelope = f"<xml><ToUserName>gh</ToUserName><Encrypt>{VAULT.seal(text.encode())}</Encrypt></xml>"
    sealed = envelope.partition("<Encrypt>")[2].partition("</Encrypt>")[0]
    proof = signature(ACCOUNT.token, "1", "2", sealed)
    assert PEER.decrypt_message(envelope, proof, "1", "2") == text


@given(st.binary(max_size=2048))
def test_what_we_seal_we_open(text: bytes) -> None:
    assert VAULT.open(VAULT.seal(text)) == text


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_a_changed_byte_never_passes_as_the_message(place: int, flip: int) -> None:
    raw = bytearray(base64.b64decode(VAULT.seal(b"points: 120")))
    raw[place % len(raw)] ^= flip
    changed = base64.b64encode(bytes(raw)).decode()
    try:
        assert VAULT.open(changed) != b"points: 120"
    except Tampered:
        return


@given(st.one_of(st.text(max_size=200), st.binary(max_size=200).map(bytes.hex)))
def test_nonsense_is_tampered_with_and_nothing_else(sealed: str) -> None:
    with pytest.raises(Tampered):
        VAULT.open(sealed)


def test_a_message_for_another_account_does_not_open() -> None:
    with pytest.raises(Tampered, match="another app id"):
        Vault(ACCOUNT.encoding_aes_key, "wx0000000000000000").open(VAULT.seal(b"hello"))


def test_a_short_encoding_aes_key_is_named_at_the_start() -> None:
    with pytest.raises(SettingError, match="43 letters and digits"):
        SimulatedAccount("wx1", "secret", "token", "short", "gh_1")
