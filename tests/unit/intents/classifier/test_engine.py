"""Engine `semantic` on the shipped base: paraphrases, typos, courtesies, and out-of-scope questions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
import yaml
from support.paths import PAYLOADS

from bot.domain.decisions import Candidate, Understanding, Utterance
from bot.errors import EngineFailed
from bot.intents.classifier.engine import SemanticEngine
from bot.intents.classifier.features import plain
from bot.intents.classifier.training import learn, unrelated_questions
from bot.knowledge.editions import Edition
from bot.knowledge.similarity import same_form
from bot.text.language import script_of

TEXTS = PAYLOADS / "texts"


def written(name: str) -> Any:
    return yaml.safe_load((TEXTS / name).read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def edition(shipped_edition: tuple[str, bytes]) -> Edition:
    return Edition.from_json(1, shipped_edition[0])


@pytest.fixture(scope="session")
def engine(shipped_edition: tuple[str, bytes]) -> SemanticEngine:
    engine = SemanticEngine()
    engine.load(1, shipped_edition[1])
    return engine


def understood(engine: SemanticEngine, texts: Sequence[str]) -> list[Understanding]:
    return engine.understand([Utterance(text, script_of(text), 1) for text in texts])


def first(engine: SemanticEngine, text: str) -> Candidate:
    return understood(engine, [text])[0].candidates[0]


def new_paraphrases(edition: Edition) -> list[tuple[str, str]]:
    """(text, entry) of paraphrases.yaml without texts that the knowledge base contains."""
    examples = {
        same_form(plain(example))
        for entry in edition.entries.values()
        for example in (*entry.examples.zh, *entry.examples.en, entry.title.zh, entry.title.en)
    }
    paraphrases: Mapping[str, list[str]] = written("paraphrases.yaml")
    assert paraphrases.keys() <= edition.entries.keys()
    pairs = [(text, entry) for entry, texts in paraphrases.items() for text in texts]
    return [(text, entry) for text, entry in pairs if same_form(plain(text)) not in examples]


def test_unseen_paraphrases_are_mostly_answered_and_right(engine: SemanticEngine, edition: Edition) -> None:
    asked = new_paraphrases(edition)
    assert len(asked) >= 80
    bests = [one.candidates[0] for one in understood(engine, [text for text, _ in asked])]
    answered = [
        best.intent == entry
        for best, (_, entry) in zip(bests, asked, strict=True)
        if best.confidence >= edition.thresholds.answer_for(best.intent)
    ]
    assert sum(answered) / len(answered) >= 0.95
    assert len(answered) / len(asked) >= 0.8


def test_chinese_is_understood_as_well_as_english(engine: SemanticEngine, edition: Edition) -> None:
    asked = new_paraphrases(edition)
    for language in ("zh", "en"):
        ours = [(text, entry) for text, entry in asked if script_of(text) == language]
        right = [first(engine, text).intent == entry for text, entry in ours]
        assert sum(right) / len(right) >= 0.9, language


def test_out_of_scope_questions_are_not_answered(engine: SemanticEngine, edition: Edition) -> None:
    off_topic = written("off_topic.yaml")
    texts = [*off_topic["zh"], *off_topic["en"]]
    assert len(texts) >= 40
    assert not {plain(text) for text in texts} & {plain(text) for text in unrelated_questions()}
    bests = [one.candidates[0] for one in understood(engine, texts)]
    answered = [best for best in bests if best.confidence >= edition.thresholds.answer_for(best.intent)]
    asked_back = [best for best in bests if best.confidence >= edition.thresholds.ask]
    assert len(answered) <= 1
    assert len(asked_back) / len(texts) <= 0.1


@pytest.mark.parametrize("text", ["火星上能种土豆吗", "who won the world cup 1998"])
def test_an_off_topic_question_has_low_confidence(engine: SemanticEngine, text: str) -> None:
    assert first(engine, text).confidence < 0.2


@pytest.mark.parametrize(
    ("text", "dressed"),
    [
        ("我想把订单取消掉", "您好，麻烦问一下我想把订单取消掉，谢谢啦！😀"),
        ("帮我看看还剩几分积分", "幫我看看還剩幾分積分"),
        ("where did my parcel get to", "HELLO, WHERE DID MY PARCEL GET TO?? thanks a lot"),
    ],
)
def test_courtesies_case_and_script_do_not_change_the_understanding(
    engine: SemanticEngine, text: str, dressed: str
) -> None:
    assert plain(text) == plain(dressed).rstrip("?! ")
    assert first(engine, dressed).intent == first(engine, text).intent
    assert first(engine, dressed).confidence == pytest.approx(first(engine, text).confidence, abs=0.05)


@pytest.mark.parametrize("courtesy", ["谢谢", "你好", "Hi", "Thank you so much", "在吗", "拜托了"])
def test_a_courtesy_alone_is_kept(courtesy: str) -> None:
    assert plain(courtesy) == courtesy.casefold()


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("ｗｈｅｒｅ  is　my order", "where is my order"),
        ("好好好好好好好好", "好好"),
        ("10000分", "10000分"),
        ("\x00 \ud83d", ""),
    ],
)
def test_a_text_is_normalised_before_it_is_read(typed: str, meant: str) -> None:
    assert plain(typed) == meant


ROUNDABOUT = {
    "我的 order 可以 cancel 吗": "order-cancel",
    "😭😭我的包裹去哪了📦": "parcel-missing",
    "WHERE CAN I SEE HOW MANY POINTS I HAVE???": "points",
    "請問一下，發票要怎麼開呀，謝謝": "invoice-request",
    "你好呀在吗，是这样的，上周我在你们家买了两盒茶叶送给我岳父，他老人家尝了一口说味道不太对，包装也有点压坏了，我自己"
    "看了下确实不是很满意，东西还没怎么动过，一直放在柜子里，发票和盒子也都还在，所以我想问一下像这种情况现在还能不能退货，"
    "怎么退，谢谢！": "return-goods",
}


@pytest.mark.parametrize("text", ROUNDABOUT)
def test_mixed_languages_pictures_capitals_and_long_stories_are_understood(engine: SemanticEngine, text: str) -> None:
    near = [one.intent for one in understood(engine, [text])[0].candidates[:3]]
    assert ROUNDABOUT[text] in near


SLIPS = {
    "how do i retrun my ordr": "return-goods",
    "wat are ur openning hours": "hours",
    "can i get an invocie": "invoice-request",
    "怎么取肖订单": "order-cancel",
    "我要凯发票": "invoice-request",
    "积份怎么查": "points",
}


def test_a_typo_never_leads_to_a_wrong_answer(engine: SemanticEngine, edition: Edition) -> None:
    bests = {text: first(engine, text) for text in SLIPS}
    right = [text for text, best in bests.items() if best.intent == SLIPS[text]]
    sure = [text for text, best in bests.items() if best.confidence >= edition.thresholds.answer_for(best.intent)]
    assert set(sure) <= set(right)
    assert len(right) >= 4


def test_several_editions_stay_loaded_and_the_oldest_is_dropped() -> None:
    engine = SemanticEngine()
    for number in range(1, 7):
        engine.load(number, learn([("hours", [f"opening hours {number}"]), ("other", ["refund"])], 0.95).model)
    for number in (3, 6):
        (one,) = engine.understand([Utterance(f"opening hours {number}", "en", number)])
        assert one.exact
    with pytest.raises(EngineFailed):
        engine.understand([Utterance("opening hours 1", "en", 1)])


def test_understandings_are_cached_per_edition_and_dropped_with_it() -> None:
    engine = SemanticEngine(remembered=2)
    first_model, second_model = (
        learn([(intent, ["when do you open", "几点开门"]), ("refund", ["money back", "退款"])], 0.95).model
        for intent in ("hours", "opening")
    )
    engine.load(1, first_model)
    engine.load(2, second_model)
    texts = ["when does it open", "can I get money back", "at what time do you open"] * 2
    for edition, intent in ((1, "hours"), (2, "opening"), (1, "hours")):
        named = [
            one.candidates[0].intent for one in engine.understand([Utterance(text, "", edition) for text in texts])
        ]
        assert named == [intent, "refund", intent] * 2
    engine.load(1, second_model)
    assert engine.understand([Utterance(texts[0], "", 1)])[0].candidates[0].intent == "opening"
