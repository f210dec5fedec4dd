"""The knowledge base that ships: it is the product's face."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime

import pytest
from editor import SHIPPED, SKILLS

from bot.knowledge.checks import check
from bot.knowledge.content import LANGUAGES
from bot.knowledge.entries import Base, Entry, load, read
from bot.knowledge.sameness import same_form

MARKDOWN = re.compile(r"\*\*|^#|^[-*] |\[[^\]]*\]\(|`", re.MULTILINE)


@pytest.fixture(scope="module")
def base() -> Base:
    return load(SHIPPED, SKILLS)


def answers(base: Base) -> list[tuple[Entry, str, str]]:
    return [
        (entry, language, wording)
        for entry in base.entries.values()
        if entry.answers
        for language in LANGUAGES
        for wording in entry.answers.said_in(language).values()
    ]


def test_it_has_nothing_that_an_editor_should_mend() -> None:
    found, mistakes = read(SHIPPED, SKILLS)
    today = datetime.now(UTC).date()
    assert [str(finding) for finding in check(found, mistakes, today)] == []
    assert date(2020, 1, 1) < today


def test_every_entry_can_be_asked_for_in_eight_ways_in_each_language(base: Base) -> None:
    assert len(base.entries) >= 32
    for entry in base.entries.values():
        for language in LANGUAGES:
            asked = {same_form(example) for example in entry.examples.asked_in(language)}
            assert len(asked) >= 8, f"{entry.id} in {language}"


def test_every_skill_signal_and_handoff_is_in_use(base: Base) -> None:
    entries = base.entries.values()
    assert {entry.skill for entry in entries} - {""} == set(SKILLS)
    assert {entry.signal for entry in entries} == {"", "anger", "dissatisfied", "person"}
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
             for one in entry.examples.asked_in(said)} | {"取消", "cancel"}  # fmt: skip
    texts = [wording for _, _, wording in answers(base)]
    texts += [phrase.said_in(language) for phrase in base.phrases.values() for language in LANGUAGES]
    asked = [word for text in texts for word in re.findall(r"(?:回复|[Rr]eply) ?“([^”]+)”", text)]
    assert len(asked) > 50
    assert {same_form(word) for word in asked} <= known


def test_both_languages_name_the_same_sums_of_money(base: Base) -> None:
    """Sums, where they are written with a sign: what one language promises, so does the other."""
    for entry in base.entries.values():
        if entry.answers:
            zh, en = entry.answers.zh["default"], entry.answers.en["default"]
            promised = set(re.findall(r"(\d[\d,]*) 元", zh)) - {"1"}
            assert promised <= set(re.findall(r"¥(\d(?:[\d,]*\d)?)", en)), entry.id
