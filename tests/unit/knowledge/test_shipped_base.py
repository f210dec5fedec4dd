"""The knowledge base that ships: it is the product's face."""

from __future__ import annotations

import re
from datetime import date

import pytest
from support.knowledge_base_files import SHIPPED, SKILLS

from bot.app.channels import CHANNELS
from bot.channels.twitter.weighted_length import weigh
from bot.knowledge.checks import Severity, check
from bot.knowledge.content import LANGUAGES
from bot.knowledge.entries import Base, Entry, load, read
from bot.knowledge.similarity import same_form

TODAY, IN_TWO_YEARS = date(2026, 12, 1), date(2028, 12, 1)
MARKDOWN = re.compile(r"\*\*|^#|^[-*] |\[[^\]]*\]\(|`", re.MULTILINE)


@pytest.fixture(scope="module")
def base() -> Base:
    return load(SHIPPED, SKILLS, CHANNELS)


def answers(base: Base) -> list[tuple[Entry, str, str]]:
    return [(entry, one.language, one.text) for entry in base.entries.values() for one in entry.wordings()]


def test_the_only_warning_of_the_shipped_base_is_the_expired_offer() -> None:
    """The demo shows what an expired offer looks like; everything else is in order, on every channel."""
    found, problems = read(SHIPPED, SKILLS, CHANNELS)
    assert [(one.severity, one.problem.key.rpartition(".")[2]) for one in check(found, problems, TODAY)] == [
        (Severity.WARNING, "valid_to")
    ]


def test_offers_are_valid_on_their_days_only(base: Base) -> None:
    valid = {day: {id_ for id_, entry in base.entries.items() if entry.valid_on(day)} for day in (TODAY, IN_TWO_YEARS)}
    dated = {id_ for id_, entry in base.entries.items() if entry.valid_to is not None}
    assert dated - valid[TODAY]
    assert dated & valid[TODAY] & valid[IN_TWO_YEARS]
    assert dated & valid[TODAY] - valid[IN_TWO_YEARS]


def test_every_answer_has_words_for_a_public_post(base: Base) -> None:
    """Short, and without a word that only makes sense between two."""
    for entry in base.entries.values():
        for one in entry.answers.wordings_for("twitter") if entry.answers else ():
            assert weigh(one.text) <= 240, entry.id
            assert one.channel == "default" or not re.search(r"回复“人工”|reply “agent”", one.text), entry.id


def test_frequent_public_answers_have_several_wordings(base: Base) -> None:
    often = ["delivery-time", "order-tracking", "parcel-missing", "return-goods", "refund-time", "store-locations"]
    for id_ in [*often, "hello", "thanks"]:
        said = base.entries[id_].answers
        assert said is not None
        assert all(len(said.for_channel("twitter", language)) >= 3 for language in LANGUAGES), id_


def test_all_wordings_of_an_answer_hold_the_same_numbers(base: Base) -> None:
    """A wording that promises other times or sums than the others would be a problem for every customer."""
    for entry in base.entries.values():
        for language in LANGUAGES if entry.answers else ():
            assert entry.answers is not None
            wordings = entry.answers.for_channel("twitter", language)
            numbers = [set(re.findall(r"\d+(?:[–:]\d+)*", wording)) for wording in wordings]
            assert all(found == numbers[0] for found in numbers), (entry.id, language)


def test_every_entry_can_be_asked_for_in_twelve_ways_in_each_language(base: Base) -> None:
    assert len(base.entries) >= 64
    for entry in base.entries.values():
        for language in LANGUAGES:
            asked = {same_form(example) for example in entry.examples.in_language(language)}
            assert len(asked) >= 12, f"{entry.id} in {language}"


def test_every_skill_signal_and_handoff_is_in_use(base: Base) -> None:
    entries = base.entries.values()
    assert {entry.skill for entry in entries} - {""} == set(SKILLS)
    assert {entry.signal for entry in entries} == {"", "anger", "dissatisfied", "person", "greeting", "courtesy"}
    assert all(entry.id == entry.skill for entry in entries if entry.skill)
    assert base.entries["complaint"].handoff == "always"


def test_answers_are_plain_text_in_their_language(base: Base) -> None:
    for entry, language, wording in answers(base):
        assert not MARKDOWN.search(wording), entry.id
        assert bool(re.search("[一-鿿]", wording)) == (language == "zh"), entry.id


def test_no_answer_sends_the_customer_away_to_read_elsewhere(base: Base) -> None:
    for entry, _, wording in answers(base):
        assert not re.search(r"https?://|www\.|官网|our website|FAQ page|call us", wording), entry.id


def test_what_an_answer_tells_customers_to_reply_is_understood(base: Base) -> None:
    known = {same_form(one) for entry in base.entries.values() for said in LANGUAGES
             for one in entry.examples.in_language(said)}  # fmt: skip
    known |= {same_form(saying) for saying in ("取消", "cancel", "是", "yes", "算了", "never mind")}
    texts = [wording for _, _, wording in answers(base)]
    texts += [phrase.in_language(language) for phrase in base.phrases.values() for language in LANGUAGES]
    asked = [word for text in texts for word in re.findall(r"(?:回复|[Rr]eply) ?“([^”]+)”", text)]
    assert len(asked) > 50
    assert {same_form(word) for word in asked} <= known


def test_both_languages_name_the_same_sums_of_money(base: Base) -> None:
    """Sums, where they are written with a sign: what one language promises, so does the other."""
    for entry in base.entries.values():
        if entry.answers:
            zh, en = entry.answers.zh["default"][0], entry.answers.en["default"][0]
            promised = set(re.findall(r"(\d[\d,]*) 元", zh)) - {"1"}
            assert promised <= set(re.findall(r"¥(\d(?:[\d,]*\d)?)", en)), entry.id
