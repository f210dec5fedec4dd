"""Whether somebody is angry with the brand, needs something soon, or is calm. The messages here are not learned."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from importlib import resources

import fit_mood
import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from support.cpu_time import cpu_within
from support.paths import ROOT

from bot.intents import sentiment
from bot.intents.classifier.encoder import RecentVectors, Vectors, serving_encoder, shared_encoder
from bot.intents.classifier.engine import SemanticEngine
from bot.intents.examples import fit, gaussian, linear
from bot.intents.inference import InferenceThread
from bot.intents.mood import MOODS, THRESHOLD, Mood, Tone, moods
from bot.intents.mood_features import surface_features
from bot.knowledge.similarity import same_form
from bot.text import clean

LEARNED = yaml.safe_load((ROOT / "bench" / "mood_examples.yaml").read_text("utf-8"))
COMPARED = yaml.safe_load((resources.files("bot.intents") / "mood.yaml").read_text("utf-8"))["messages"]

ANGRY = [
    "你们是骗子吧？两个星期了，没有一个人管我",
    "垃圾客服，问什么都是复制粘贴，我受够了",
    "再不退款我就打12315投诉，让大家都看看你们的嘴脸",
    "真行啊你们，第四次发错货了，当我好欺负？",
    "什么破小程序，扣了钱没订单，赶紧给我退钱！！！",
    "太過分了，你們這些騙子，馬上退錢",
    "This is the worst service I have ever had, you people are useless",
    "Absolutely disgusting. Third time I write and still nobody answers.",
    "You lied to me again. Refund me or my lawyer will be in touch",
    "wtf, you charged me twice and ignored every message, what a scam",
    "Well done, another wrong parcel. Is anybody over there able to read?!",
]
URGENT = [
    "十万火急，一个小时后的飞机，取货码收不到",
    "今天必须拿到发票，五点前可以吗，急",
    "urgent please, I need this by tonight",
    "flight in two hours, could you help me right away",
]
CALM = [
    "请问龙井怎么泡",
    "你好，杯子有个小裂纹，麻烦帮我换一个，谢谢",
    "我的包裹三天没更新了，可以帮忙看看吗",
    "气死我了，我又把密码忘了，怎么找回",
    "好喝到飞起！！！已经推荐给朋友了！！！",
    "会员号 40271193",
    "嗯嗯",
    "how do I brew the oolong",
    "my parcel is a day late, could you have a look please",
    "one cup arrived cracked, may I exchange it? thanks",
    "I'm such an idiot, I typed in the wrong address",
    "OMG this tea is insanely good!!!",
    "does it open on an iPhone 15 PRO MAX",
    "ok",
]
TYPOS = [
    "怎莫退伙",
    "积份在那里查",
    "快地到哪了呀",
    "優惠卷用不鳥",
    "hwo can i retrn my cup",
    "wher is my oder pls",
    "cant lgo in to my acount",
]
NOTHING = [
    "",
    "   ",
    "😀😀😀",
    "👍",
    "？",
    "...",
    "<p></p>",
    "<b>您好</b><br>请问几点开门",
    "https://example.com/?id=9",
    "4417",
    "@brand",
]


def told(texts: list[str]) -> list[Mood]:
    return [tone.mood for tone in moods(texts)]


@pytest.mark.parametrize("text", ANGRY)
def test_anger_is_found(text: str) -> None:
    assert told([text]) == [Mood.ANGRY]


@pytest.mark.parametrize("text", URGENT)
def test_who_needs_something_soon_is_urgent(text: str) -> None:
    assert told([text]) == [Mood.URGENT]


@pytest.mark.parametrize("text", CALM)
def test_a_question_a_calm_complaint_joy_and_anger_at_oneself_are_calm(text: str) -> None:
    assert told([text]) == [Mood.CALM]


@pytest.mark.parametrize("text", TYPOS)
def test_a_typo_is_not_anger(text: str) -> None:
    assert told([text]) == [Mood.CALM]


@pytest.mark.parametrize("text", NOTHING)
def test_what_says_nothing_is_not_anger(text: str) -> None:
    assert Mood.ANGRY not in told([text])


def test_anger_wins_over_haste() -> None:
    (tone,) = moods(["快点！！骗子，今天不退钱我马上报警，你们这帮垃圾"])
    assert tone.mood is Mood.ANGRY
    assert tone.anger >= THRESHOLD


def test_the_messages_tested_here_are_not_learned() -> None:
    learned = {same_form(text) for kinds in LEARNED.values() for texts in kinds.values() for text in texts}
    assert not learned & {same_form(text) for text in [*ANGRY, *URGENT, *CALM, *TYPOS] if len(text) > 4}


def test_every_mood_has_examples_in_both_languages() -> None:
    assert all(len(LEARNED[language][name]) > 40 for language in ("zh", "en") for name in MOODS)


def test_texts_do_not_change_each_other() -> None:
    texts = [*ANGRY, *CALM]
    together = [tone.anger for tone in moods(texts)]
    assert together == pytest.approx([moods([text])[0].anger for text in texts], abs=1e-4)


def test_what_messages_are_compared_with_is_a_part_of_the_examples() -> None:
    learned = {text for kinds in LEARNED.values() for texts in kinds.values() for text in texts}
    assert {text for text, *_ in COMPARED} < learned | set(fit_mood.questions())
    assert all(len(weights) == len(MOODS) for _, *weights in COMPARED)


def test_addresses_names_and_invisible_signs_do_not_change_the_mood() -> None:
    plain, dressed = moods(["垃圾客服，我受够了", "\x00@worst_brand 垃圾客服，我受够了\u202e https://t.co/LoveIt"])
    assert plain.mood is dressed.mood is Mood.ANGRY


def test_a_long_rant_is_anger_and_a_long_question_is_not() -> None:
    rant = "你们这帮骗子，没有人管，我受够了！" * 120
    question = "请问一下，我想了解这款茶的产地和冲泡的水温，谢谢。" * 80
    assert len(rant) > 2000
    assert told([rant, question]) == [Mood.ANGRY, Mood.CALM]


@given(st.text(max_size=400))
def test_any_text_has_a_mood(text: str) -> None:
    (tone,) = moods([text])
    assert 0 <= tone.anger <= 1
    assert (tone.mood is Mood.ANGRY) == (tone.anger >= THRESHOLD)


def test_no_texts_have_no_moods() -> None:
    assert moods([]) == []


def test_shouting_is_seen_and_a_product_name_is_not_shouting() -> None:
    shouted, spoken, named = surface_features(["WHERE IS MY ORDER", "where is my order", "is the XR pro in stock"])[
        :, -1
    ]
    assert shouted == 1
    assert spoken == named == 0


def test_a_mood_takes_two_milliseconds() -> None:
    moods(["warm"])
    texts = [f"请问第{number}家店几点开门，我想去看看" for number in range(50)]
    with cpu_within(0.5):
        for text in texts:
            moods([text])


def test_two_thousand_signs_take_no_longer_than_a_few_messages() -> None:
    moods(["warm"])
    with cpu_within(0.1):
        for piece in ("!", "骗", "a ", "[", "你们", "什么破"):
            moods([clean(piece * 2000)[:2000]])


def test_the_vector_of_a_message_is_computed_once() -> None:
    counted = Counting()
    recent = RecentVectors(counted, 2)
    first = recent.encode(["一", "二", "一"])
    assert counted.texts == ["一", "二"]
    assert np.array_equal(first[0], first[2])
    assert np.array_equal(recent.encode(["二"])[0], first[1])
    recent.encode(["三"])
    recent.encode(["一"])
    assert counted.texts == ["一", "二", "三", "一"]
    assert recent.encode([]).shape == (0, 512)


class Counting:
    """The bundled encoder; it keeps the texts that it has read."""

    name = "counting"

    def __init__(self) -> None:
        self.texts: list[str] = []

    def encode(self, texts: Sequence[str]) -> Vectors:
        self.texts += texts
        return shared_encoder().encode(texts)


def test_sentiment_and_mood_read_the_same_vector() -> None:
    moods(["这是同一句话吗"])
    before = serving_encoder().encode(["这是同一句话吗"])
    assert np.array_equal(sentiment.meaning(["这是同一句话吗"]), before)


def test_the_thread_of_the_engine_tells_moods() -> None:
    thread = InferenceThread(SemanticEngine(), 4)
    try:
        tone = asyncio.run(thread.mood("垃圾客服，我受够了，全是骗子"))
    finally:
        thread.close()
    assert isinstance(tone, Tone)
    assert tone.mood is Mood.ANGRY


def test_both_kernels_learn_what_they_can() -> None:
    rows = np.array([[0, 0], [1, 1], [0, 1], [1, 0]], np.float32) * 3
    both = np.array([0, 0, 1, 1], np.intp)
    right = fit(rows, both, gaussian, 0.01).probabilities(rows)
    assert (right.argmax(axis=1) == both).all()
    assert right.sum(axis=1) == pytest.approx(1, abs=1e-5)
    left = np.array([0, 1, 0, 1], np.intp)
    assert (fit(rows, left, linear, 0.01).probabilities(rows).argmax(axis=1) == left).all()
