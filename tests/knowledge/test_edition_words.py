"""An edition says what was published: by channel and language, on the days it is valid, and never anything else."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from types import MappingProxyType

import pytest
from editor import SHIPPED, SKILLS, TOPIC, Editor
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import SettingError
from bot.knowledge.content import Bilingual
from bot.knowledge.editions import Edition, Thresholds
from bot.knowledge.entries import Base, Entry, load
from bot.knowledge.phrases import DECLARED

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC).timestamp()


def edition_of(base: Base, number: int = 1, timezone: str = "Asia/Shanghai") -> Edition:
    return Edition(number, base.entries, base.phrases, Thresholds(0.8, 0.4), timezone)


@pytest.fixture
def editor(tmp_path: Path) -> Editor:
    return Editor(tmp_path).writes(TOPIC)


@pytest.mark.parametrize(
    ("language", "said"), [("zh", "满 99 元包邮。"), ("en", "Free from ¥99."), ("fr", "Free from ¥99.")]
)
def test_the_answer_is_in_the_messages_language_and_in_english_for_all_others(
    editor: Editor, language: str, said: str
) -> None:
    assert edition_of(editor.base()).answer("delivery-fee", language, "wechat", NOW) == said


def test_a_channel_with_its_own_words_gets_them(editor: Editor) -> None:
    editor.changes("en: Free from ¥99.", "en: {default: Free from ¥99., twitter: Free over ¥99}")
    edition = edition_of(editor.base())
    assert edition.answer("delivery-fee", "en", "twitter", NOW) == "Free over ¥99"
    assert edition.answer("delivery-fee", "en", "wechat", NOW) == "Free from ¥99."


def test_an_entry_that_only_leads_to_a_skill_has_no_words(editor: Editor) -> None:
    editor.writes(TOPIC[: TOPIC.index("    answers:")] + "    skill: points\n")
    edition = edition_of(editor.base())
    assert edition.answer("delivery-fee", "zh", "wechat", NOW) is None
    assert edition.answer("nothing-like-it", "zh", "wechat", NOW) is None


@pytest.mark.parametrize(
    ("at", "timezone", "said"),
    [
        ("2026-04-30T15:59:59", "Asia/Shanghai", False),
        ("2026-04-30T16:00:00", "Asia/Shanghai", True),
        ("2026-05-03T15:59:59", "Asia/Shanghai", True),
        ("2026-05-03T16:00:00", "Asia/Shanghai", False),
        ("2026-04-30T16:00:00", "UTC", False),
    ],
)
def test_an_answer_is_given_from_its_first_day_to_its_last_on_the_deployments_calendar(
    editor: Editor, at: str, timezone: str, said: bool
) -> None:
    editor.changes("    answers:", "    valid_from: 2026-05-01\n    valid_to: 2026-05-03\n    answers:")
    now = datetime.fromisoformat(at).replace(tzinfo=UTC).timestamp()
    answer = edition_of(editor.base(), timezone=timezone).answer("delivery-fee", "zh", "wechat", now)
    assert (answer is not None) == said


def test_an_entry_may_ask_for_more_certainty_but_never_for_less() -> None:
    thresholds = Thresholds(0.8, 0.4, {"refund-time": 0.9, "hello": 0.5})
    assert [thresholds.answer_for(id_) for id_ in ("refund-time", "hello", "joke")] == [0.9, 0.8, 0.8]


def test_an_edition_can_not_be_changed() -> None:
    edition = edition_of(load(SHIPPED, SKILLS))
    again = Edition.from_json(1, edition.to_json())
    for one in (edition, again):
        with pytest.raises(TypeError):
            one.entries["new"] = one.entries["hello"]  # type: ignore[index]
        with pytest.raises(AttributeError):
            one.number = 2  # type: ignore[misc]
        with pytest.raises(TypeError):
            one.phrases["welcome"] = one.phrases["unsupported"]  # type: ignore[index]


def test_the_shipped_base_survives_the_journey_through_the_record() -> None:
    edition = edition_of(load(SHIPPED, SKILLS), number=7)
    again = Edition.from_json(7, edition.to_json())
    assert again == edition
    assert again.to_json() == edition.to_json()


WORDS = st.text(min_size=1).filter(str.strip)
BOTH = st.builds(Bilingual, zh=WORDS, en=WORDS)
WORDINGS = WORDS | st.fixed_dictionaries({"default": WORDS}, optional={"wechat": WORDS, "twitter": WORDS})
DAYS = st.none() | st.dates(date(2000, 1, 1), date(2100, 1, 1))
ENTRIES = st.fixed_dictionaries(
    {
        "id": st.from_regex(r"[a-z][a-z0-9]{0,8}(-[a-z0-9]{1,5}){0,2}", fullmatch=True),
        "title": BOTH,
        "examples": st.fixed_dictionaries(dict.fromkeys(("zh", "en"), st.lists(WORDS, min_size=1, max_size=3))),
        "answers": st.none() | st.fixed_dictionaries({"zh": WORDINGS, "en": WORDINGS}),
        "handoff": st.sampled_from(["never", "always"]),
        "small_talk": st.booleans(),
        "signal": st.sampled_from(["", "anger", "dissatisfied", "person"]),
        "valid_from": DAYS,
        "valid_to": DAYS,
        "target_precision": st.none() | st.floats(0.5, 1, exclude_min=True, exclude_max=True),
    }
).map(Entry.model_validate)


@given(st.lists(ENTRIES, max_size=4, unique_by=lambda entry: entry.id), st.floats(0, 1), st.integers(1, 10**6))
def test_whatever_editors_write_comes_back_from_the_record_exactly(
    entries: list[Entry], threshold: float, number: int
) -> None:
    phrases = MappingProxyType(dict.fromkeys(DECLARED, Bilingual(zh="好", en="{ok}")))
    by_id = MappingProxyType({entry.id: entry for entry in entries})
    stricter = MappingProxyType({entry.id: entry.target_precision or 0.9 for entry in entries})
    edition = Edition(number, by_id, phrases, Thresholds(threshold, threshold / 2, stricter), "Europe/Berlin")
    again = Edition.from_json(number, edition.to_json())
    assert again == edition
    assert list(again.entries) == list(edition.entries)


def test_an_edition_of_another_version_says_what_it_lacks_and_how_to_mend_it() -> None:
    content = edition_of(load(SHIPPED, SKILLS)).to_json()
    with pytest.raises(SettingError, match=r"edition 3.*lacks welcome\n.*yingda train"):
        Edition.from_json(3, content.replace('"welcome"', '"farewell"'))
    with pytest.raises(SettingError, match="edition 3"):
        Edition.from_json(3, content.replace('"format": 1', '"format": 2'))
