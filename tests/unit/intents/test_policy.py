"""The promise in action: what is answered, asked back, or handed to a person."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from support import builders

from bot.domain.decisions import Answer, Ask, Candidate, Decision, HandOff, Understanding
from bot.domain.messages import Audience, Reason
from bot.intents import faq
from bot.intents.policy import DidYouMean, Route, SayEntry, ToPerson, UseSkill, angry, decide, decide_each
from bot.intents.turn import DialogueTurn
from bot.knowledge.content import Bilingual
from bot.knowledge.editions import ExternalModel, Thresholds
from bot.knowledge.entries import Entry


def entry(name: str, **more: Any) -> Entry:
    written = {
        "id": name,
        "title": {"zh": f"{name} 标题", "en": f"About {name}"},
        "examples": {"zh": [f"{name} 怎么办"], "en": [f"what about {name}"]},
        "answers": {"zh": f"{name} 的回答", "en": {"default": f"The answer on {name}", "twitter": f"In short: {name}"}},
    }
    return Entry.model_validate(written | more)


ENTRIES = [
    entry("hours"),
    entry("refund"),
    entry("delivery"),
    entry("gifts"),
    entry("medicine", target_precision=0.99),
    entry("sale", valid_to="2020-01-01"),
    entry("points", skill="points"),
    entry("complaint", handoff="always", signal="anger"),
    entry("damaged", handoff="always"),
    entry("person", skill="person", signal="person"),
    entry("unhelpful", signal="dissatisfied", small_talk=True),
    entry("hello", small_talk=True),
]
ASK = Bilingual.model_validate({"zh": "您是想问：\n{choices}", "en": "Did you mean:\n{choices}"})
EDITION = builders.edition(
    {"ask.did_you_mean": ASK},
    {one.id: one for one in ENTRIES},
    Thresholds(answer=0.8, ask=0.3, stricter={"medicine": 0.95}),
    number=4,
)


def turn(text: str = "怎么办才好", language: str = "zh", **slots: Any) -> DialogueTurn:
    return builders.turn(text, builders.conversation(slots=slots), language, edition=EDITION)


def meant(**confidences: float) -> Understanding:
    return Understanding(tuple(Candidate(name, sure) for name, sure in confidences.items()))


def decided(understanding: Understanding, at: DialogueTurn, channel: str = "wechat") -> Decision:
    return faq.respond(decide(understanding, EDITION, at), EDITION, at, channel)


def test_a_confidence_above_the_threshold_is_answered() -> None:
    assert decide(meant(hours=0.81, refund=0.1), EDITION, turn()) == SayEntry("hours", 0.81)


def test_an_entry_with_a_higher_threshold_is_asked_back_below_it() -> None:
    assert decide(meant(medicine=0.9), EDITION, turn()) == DidYouMean(("medicine",), 0.9)
    assert decide(meant(medicine=0.96), EDITION, turn()) == SayEntry("medicine", 0.96)


def test_an_example_word_for_word_is_answered_whatever_the_threshold() -> None:
    exact = Understanding((Candidate("medicine", 0.9),), exact=True)
    assert decide(exact, EDITION, turn()) == SayEntry("medicine", 0.9)


def test_a_skill_answers_its_own_entry() -> None:
    assert decide(meant(points=0.9), EDITION, turn()) == UseSkill("points", "points", 0.9)


def test_at_most_three_choices_are_offered_likeliest_first() -> None:
    unsure = meant(refund=0.5, hours=0.45, gifts=0.4, delivery=0.35)
    assert decide(unsure, EDITION, turn()) == DidYouMean(("refund", "hours", "gifts"), 0.5)


def test_choices_that_all_lead_to_a_person_are_not_offered() -> None:
    assert decide(meant(damaged=0.5), EDITION, turn()) == ToPerson(Reason.UNSURE, confidence=0.5)
    assert decide(meant(damaged=0.5, refund=0.4), EDITION, turn()) == DidYouMean(("damaged", "refund"), 0.5)


def test_anger_and_small_talk_are_never_offered() -> None:
    assert decide(meant(complaint=0.5, refund=0.4, hours=0.1), EDITION, turn()) == DidYouMean(("refund", "hours"), 0.4)
    assert decide(meant(complaint=0.5, refund=0.2), EDITION, turn()) == ToPerson(Reason.UNSURE, confidence=0.5)


def test_an_angry_customer_reads_the_words_of_what_people_take_care_of_else_those_for_anger() -> None:
    assert angry(meant(damaged=0.9, complaint=0.1), EDITION) == ToPerson(Reason.ANGER, "damaged", 0.9)
    assert angry(meant(refund=0.9, complaint=0.1), EDITION) == ToPerson(Reason.ANGER, "complaint", 0.9)
    assert angry(meant(refund=0.9), EDITION) == ToPerson(Reason.ANGER, "", 0.9)


def test_an_entry_that_is_no_longer_valid_is_not_offered() -> None:
    three = meant(sale=0.5, refund=0.4, hours=0.1)
    assert decide(three, EDITION, turn()) == DidYouMean(("refund", "hours"), 0.4)
    assert decide(meant(sale=0.6, refund=0.3), EDITION, turn()) == ToPerson(Reason.UNSURE, confidence=0.6)


def test_once_something_is_likely_even_the_less_likely_is_offered_and_the_unlikely_is_not() -> None:
    assert decide(meant(refund=0.4, hours=0.06, gifts=0.04), EDITION, turn()) == DidYouMean(("refund", "hours"), 0.4)


def test_a_single_choice_is_offered_only_if_it_is_more_likely_than_not() -> None:
    assert decide(meant(refund=0.51), EDITION, turn()) == DidYouMean(("refund",), 0.51)
    assert decide(meant(refund=0.5), EDITION, turn()) == ToPerson(Reason.UNSURE, confidence=0.5)


@pytest.mark.parametrize(
    ("understanding", "slots"),
    [
        (meant(refund=0.29), {}),
        (meant(refund=0.7), {"asked": 1}),
        (Understanding(), {}),
        (meant(an_entry_that_is_gone=0.9), {}),
    ],
    ids=["nothing likely", "asked before", "nothing understood", "entry unpublished"],
)
def test_a_person_takes_over_when_the_bot_would_have_to_guess(
    understanding: Understanding, slots: dict[str, Any]
) -> None:
    route = decide(understanding, EDITION, turn(**slots))
    assert isinstance(route, ToPerson)
    assert route.reason is Reason.UNSURE


@pytest.mark.parametrize(
    ("name", "reason"), [("complaint", Reason.ANGER), ("damaged", Reason.ALWAYS), ("person", Reason.ASKED)]
)
def test_entries_that_need_a_person_are_handed_off_at_once(name: str, reason: Reason) -> None:
    assert decide(meant(**{name: 0.9}), EDITION, turn()) == ToPerson(reason, name, 0.9)


def test_the_second_dissatisfied_turn_goes_to_a_person() -> None:
    first = decided(meant(unhelpful=0.9), turn())
    assert isinstance(first, Answer)
    assert first.slots["dissatisfied"] == 1
    assert decide(meant(unhelpful=0.9), EDITION, turn(**first.slots)) == ToPerson(Reason.DISSATISFIED, "unhelpful", 0.9)


@pytest.mark.parametrize(
    ("understanding", "route"),
    [
        (meant(hello=0.6, hours=0.35, refund=0.05), DidYouMean(("hours", "refund"), 0.35)),
        (meant(hello=0.6, hours=0.2, refund=0.1), ToPerson(Reason.UNSURE, confidence=0.6)),
        (meant(hello=0.9, hours=0.1), SayEntry("hello", 0.9)),
        (Understanding((Candidate("hello", 0.99), Candidate("hours", 0.4)), exact=True), SayEntry("hello", 0.99)),
    ],
    ids=["a question shines through", "too little does", "nothing else", "word for word"],
)
def test_small_talk_is_answered_only_if_nothing_else_fits(understanding: Understanding, route: Route) -> None:
    assert decide(understanding, EDITION, turn()) == route


@pytest.mark.parametrize("reply", ["2", "２", " 2. ", "About refund", "refund 标题", "②", "refund", "the second one"])
def test_a_choice_is_picked_by_number_or_title_or_words_of_it(reply: str) -> None:
    at = turn(reply, choices=["hours", "refund"], asked=1)
    assert decide(meant(gifts=0.9), EDITION, at) == SayEntry("refund", 1.0)


@pytest.mark.parametrize("reply", ["3", "0", "12", "no"])
def test_a_reply_that_picks_no_choice_is_understood_like_any_text(reply: str) -> None:
    at = turn(reply, choices=["hours", "refund"], asked=1)
    assert decide(meant(gifts=0.9), EDITION, at) == SayEntry("gifts", 0.9)


@pytest.mark.parametrize("reply", ["是的", "yes", "对", "That's right"])
def test_yes_picks_the_likeliest_choice(reply: str) -> None:
    at = turn(reply, choices=["hours", "refund"], asked=1)
    assert decide(meant(gifts=0.9), EDITION, at) == SayEntry("hours", 1.0)


def test_words_that_several_titles_have_pick_nothing() -> None:
    at = turn("标题", choices=["hours", "refund"], asked=1)
    assert decide(meant(gifts=0.9), EDITION, at) == SayEntry("gifts", 0.9)


def test_a_number_without_choices_picks_nothing() -> None:
    assert decide(meant(hours=0.1), EDITION, turn("1")) == ToPerson(Reason.UNSURE, confidence=0.1)


def test_the_question_back_lists_titles_and_remembers_what_it_offered() -> None:
    ask = decided(meant(refund=0.5, hours=0.4), turn("?", "en", last_intent="gifts"))
    assert isinstance(ask, Ask)
    assert ask.text == "Did you mean:\n1. About refund\n2. About hours"
    assert ask.choices == ("refund", "hours")
    assert ask.slots == {"last_intent": "gifts", "choices": ["refund", "hours"], "asked": 1}


def test_an_answer_is_in_the_customers_language_and_for_the_channel() -> None:
    chinese, english = (decided(meant(hours=0.9), turn(language=language)) for language in ("zh", "en"))
    short = decided(meant(hours=0.9), turn(language="en"), "twitter")
    assert [one.text for one in (chinese, english, short) if isinstance(one, Answer)] == [
        "hours 的回答",
        "The answer on hours",
        "In short: hours",
    ]


def test_an_answer_forgets_the_question_back_and_remembers_its_topic() -> None:
    answer = decided(meant(hours=0.9), turn(asked=1, choices=["refund"]))
    assert isinstance(answer, Answer)
    assert answer.slots == {"last_intent": "hours"}
    assert (answer.entry, answer.confidence) == ("hours", 0.9)


def test_an_entry_that_is_no_longer_valid_is_handed_off() -> None:
    over = decided(meant(sale=0.9), turn())
    assert isinstance(over, HandOff)
    assert (over.reason, over.detail, over.entry) == (Reason.UNSURE, "not_valid_now", "sale")


def test_a_handoff_begins_with_the_words_of_its_entry() -> None:
    over = decided(meant(damaged=0.9), turn())
    assert isinstance(over, HandOff)
    assert over.text == "damaged 的回答"


def test_several_questions_are_answered_together_if_each_is_sure() -> None:
    says = decide_each([meant(refund=0.9), meant(delivery=0.85)], EDITION, turn())
    answer = faq.respond_to_each(says, {}, EDITION, turn(), "wechat")
    assert isinstance(answer, Answer)
    assert answer.text == "refund 的回答\n\ndelivery 的回答"
    assert (answer.entry, answer.more_entries, answer.confidence) == ("refund", ("delivery",), 0.85)
    assert answer.slots["last_intent"] == "delivery"


def test_an_answer_carries_its_other_wordings() -> None:
    edition = replace(EDITION, entries={"refund": entry("refund", answers={"zh": ["一", "二"], "en": "one"})})
    says = decide(meant(refund=0.9), edition, turn())
    answer, english = faq.respond(says, edition, turn(), "twitter"), faq.respond(says, edition, turn("eh", "en"), "x")
    assert isinstance(answer, Answer)
    assert isinstance(english, Answer)
    assert (answer.text, answer.variants) == ("一", ("二",))
    assert (english.text, english.variants) == ("one", ())


def test_a_joined_answer_has_as_many_wordings_as_the_entry_with_the_most() -> None:
    refund = entry("refund", answers={"zh": ["退一", "退二", "退三"], "en": "r"})
    delivery = entry("delivery", answers={"zh": ["送一", "送二"], "en": "d"})
    edition = replace(EDITION, entries={"refund": refund, "delivery": delivery})
    says = decide_each([meant(refund=0.9), meant(delivery=0.85)], edition, turn())
    answer = faq.respond_to_each(says, {}, edition, turn(), "twitter")
    assert isinstance(answer, Answer)
    assert (answer.text, answer.variants) == ("退一\n\n送一", ("退二\n\n送二", "退三\n\n送一"))


@pytest.mark.parametrize(
    "parts",
    [
        [meant(refund=0.7), meant(delivery=0.7)],
        [meant(refund=0.9), meant(refund=0.95)],
        [meant(hello=0.95), meant(refund=0.9)],
        [meant(refund=0.9), meant(complaint=0.9)],
        [],
    ],
    ids=["both unsure", "both the same", "small talk", "for a person", "no question"],
)
def test_several_questions_that_the_bot_cannot_answer_one_by_one_are_taken_as_a_whole(
    parts: list[Understanding],
) -> None:
    assert decide_each(parts, EDITION, turn()) == ()


def test_of_several_questions_the_sure_ones_are_answered_and_the_unsure_one_goes_to_a_person() -> None:
    says = decide_each([meant(refund=0.9), meant(gifts=0.1)], EDITION, turn())
    over = faq.respond_to_each(says, {}, EDITION, turn(), "wechat")
    assert isinstance(over, HandOff)
    assert (over.reason, over.detail, over.text) == (Reason.UNSURE, "one_of_several", "refund 的回答")


def test_a_skill_that_only_says_something_is_joined_with_another_answer() -> None:
    both = decide_each([meant(points=0.9), meant(refund=0.85)], EDITION, turn())
    told = {"points": Answer("88 points", audience=Audience.PRIVATE)}
    answer = faq.respond_to_each(both, told, EDITION, turn(), "wechat")
    assert isinstance(answer, Answer)
    assert answer.text == "88 points\n\nrefund 的回答"
    assert (answer.entry, answer.more_entries, answer.confidence) == ("points", ("refund",), 0.85)
    assert (answer.audience, answer.slots["last_intent"]) == (Audience.PRIVATE, "refund")


@pytest.mark.parametrize("more", [{}, {"points": Answer("who are you?", slots={"skill": "link"})}])
def test_a_skill_that_asks_first_is_not_joined_with_another_answer(more: dict[str, Answer]) -> None:
    both = decide_each([meant(points=0.9), meant(refund=0.85)], EDITION, turn())
    assert faq.respond_to_each(both, more, EDITION, turn(), "wechat") is None


def test_an_entry_that_is_no_longer_valid_is_not_joined_with_another_answer() -> None:
    says = decide_each([meant(refund=0.9), meant(sale=0.9)], EDITION, turn())
    assert faq.respond_to_each(says, {}, EDITION, turn(), "wechat") is None


def test_each_engine_has_its_own_thresholds() -> None:
    """The same promise: what Rasa has to say for it is another number."""
    known = ExternalModel("yingda-0123456789ab", (1.0, 0.5, 0.0), Thresholds(answer=0.9, ask=0.5))
    edition = replace(EDITION, external_models={"rasa": known})
    sure, unsure = meant(hours=0.85), meant(hours=0.4, refund=0.3)
    assert decide(sure, edition, turn()) == SayEntry("hours", 0.85)
    assert decide(replace(sure, engine="rasa"), edition, turn()) == DidYouMean(("hours",), 0.85)
    assert decide(unsure, edition, turn()) == DidYouMean(("hours", "refund"), 0.4)
    assert decide(replace(unsure, engine="rasa"), edition, turn()) == ToPerson(Reason.UNSURE, confidence=0.4)
