"""Which of the choices a customer picks, with whatever words; and what picks none of them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import builders
from support.cpu_time import cpu_within

from bot.domain.decisions import Candidate, Turn, Understanding
from bot.domain.messages import Reason
from bot.intents.policy import DidYouMean, ToPerson, chosen_entry, decide, refuses_choices
from bot.knowledge.editions import Thresholds
from bot.knowledge.entries import Entry

TITLES = {
    "invoice": ("开发票", "Requesting an invoice"),
    "wrong": ("发票开错了", "Invoice is wrong"),
    "parcel": ("查快递到哪了", "Where is my parcel"),
}


def entry(name: str, titles: tuple[str, str], **more: Any) -> Entry:
    zh, en = titles
    written = {
        "id": name,
        "title": {"zh": zh, "en": en},
        "examples": {"zh": [f"{name} 怎么办"], "en": [f"what about {name}"]},
        "answers": {"zh": f"{name} 的回答", "en": f"The answer on {name}"},
    }
    return Entry.model_validate(written | more)


ENTRIES = {name: entry(name, titles) for name, titles in TITLES.items()}
ENTRIES["damaged"] = entry("damaged", ("破损", "Damaged"), handoff="always")
EDITION = builders.edition({}, ENTRIES, Thresholds(answer=0.8, ask=0.3))
OFFERED = ("invoice", "wrong", "parcel")


def turn(text: str, *choices: str, **slots: Any) -> Turn:
    talk = builders.conversation(slots={**slots, "choices": list(choices)} if choices else slots)
    return builders.turn(text, talk, edition=EDITION)


@pytest.mark.parametrize(
    ("entry_id", "picks"),
    [
        (
            "invoice",
            ("1", "１", "一", "①", "1.", "1️⃣", "第一个", "第1個", "选1", "我要第一个", "1 谢谢", "the first one", "one"),
        ),
        ("invoice", ("是", "對", "是的", "yes", "开发票", "開發票", "Requesting an invoice", "requesting")),
        (
            "wrong",
            ("2", "二", "2 谢谢", "第二个", "option 2", "second", "number two", "发票开错了", "开错了", "is wrong"),
        ),
        ("parcel", ("3", "三", "第三", "3 please", "查快递", "快递到哪了", "where is my parcel", "my parcel")),
    ],
)
def test_a_number_yes_a_title_or_its_words_choose(entry_id: str, picks: tuple[str, ...]) -> None:
    assert {pick: chosen_entry(EDITION, turn(pick, *OFFERED)) for pick in picks} == dict.fromkeys(picks, entry_id)


@pytest.mark.parametrize(
    "text",
    ["4", "0", "13", "发票", "嗯", "好的", "都不是", "不是1", "1还是2", "怎么退货", "", "查", "invoice or parcel"],
)
def test_what_picks_none_of_them(text: str) -> None:
    assert chosen_entry(EDITION, turn(text, *OFFERED)) is None


def test_all_right_chooses_only_where_a_single_one_is_offered() -> None:
    for text in ("嗯", "好", "好的", "可以", "ok", "sure"):
        assert chosen_entry(EDITION, turn(text, "parcel")) == "parcel"
        assert chosen_entry(EDITION, turn(text, "parcel", "wrong")) is None


def test_without_an_offer_nothing_is_chosen() -> None:
    for text in ("1", "是", "开发票", "第一个"):
        assert chosen_entry(EDITION, turn(text)) is None


def test_a_choice_that_an_edition_no_longer_has_is_not_counted() -> None:
    assert chosen_entry(EDITION, turn("1", "deleted", "parcel")) == "parcel"
    assert chosen_entry(EDITION, turn("是", "deleted")) is None


def test_refusing_needs_an_offer() -> None:
    for text in ("都不是", "不是", "none of these", "其他问题", "都不對"):
        assert refuses_choices(turn(text, *OFFERED))
        assert not refuses_choices(turn(text))
    assert not refuses_choices(turn("1", *OFFERED))


def meant(**confidences: float) -> Understanding:
    return Understanding(tuple(Candidate(name, sure) for name, sure in confidences.items()))


def test_three_are_offered_at_most_and_a_single_one_only_above_one_half() -> None:
    assert decide(meant(invoice=0.6, wrong=0.2, parcel=0.1, damaged=0.06), EDITION, turn("票")) == DidYouMean(
        OFFERED, 0.6
    )
    assert decide(meant(parcel=0.51), EDITION, turn("包裹")) == DidYouMean(("parcel",), 0.51)
    for sure in (0.5, 0.35):
        assert decide(meant(parcel=sure), EDITION, turn("包裹")) == ToPerson(Reason.UNSURE, confidence=sure)
    assert decide(meant(parcel=0.51, wrong=0.04), EDITION, turn("包裹")) == DidYouMean(("parcel",), 0.51)


def test_nobody_is_asked_back_twice() -> None:
    assert decide(meant(invoice=0.6, wrong=0.2), EDITION, turn("票", asked=1)) == ToPerson(
        Reason.UNSURE, confidence=0.6
    )


@given(st.text(max_size=400))
def test_any_text_chooses_quickly_and_only_from_what_was_offered(text: str) -> None:
    one = turn(text, *OFFERED)
    chosen_entry(EDITION, turn("嗯", *OFFERED))
    with cpu_within(0.005):
        chosen = chosen_entry(EDITION, one)
    assert chosen in (*OFFERED, None)
