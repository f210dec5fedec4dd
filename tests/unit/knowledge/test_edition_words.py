"""An edition says what was published: by channel and language, on the days it is valid, and never anything else."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.knowledge_base_files import SHIPPED, SKILLS, TOPIC, Editor

from bot.app.channels import CHANNELS
from bot.errors import SettingError
from bot.knowledge.checks import Confusion
from bot.knowledge.content import Bilingual
from bot.knowledge.editions import Edition, Thresholds
from bot.knowledge.entries import Base, Entry, load
from bot.knowledge.phrases import DECLARED
from bot.knowledge.topic_cache import Topic, topic_of

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


def test_a_channel_with_its_own_answer_gets_it(editor: Editor) -> None:
    editor.changes("en: Free from ¥99.", "en: {default: Free from ¥99., twitter: Free over ¥99}")
    edition = edition_of(editor.base())
    assert edition.answer("delivery-fee", "en", "twitter", NOW) == "Free over ¥99"
    assert edition.answer("delivery-fee", "en", "wechat", NOW) == "Free from ¥99."


def test_the_first_wording_is_the_answer_and_all_of_them_can_be_had(editor: Editor) -> None:
    editor.changes("en: Free from ¥99.", "en: {default: Free from ¥99., twitter: [Free over ¥99, From ¥99 it's free]}")
    edition = edition_of(editor.base())
    assert edition.answer("delivery-fee", "en", "twitter", NOW) == "Free over ¥99"
    assert edition.wordings("delivery-fee", "en", "twitter", NOW) == ("Free over ¥99", "From ¥99 it's free")
    assert edition.wordings("delivery-fee", "en", "wechat", NOW) == ("Free from ¥99.",)
    assert edition.wordings("nothing-like-it", "en", "wechat", NOW) == ()


def test_an_entry_of_a_skill_has_no_answer(editor: Editor) -> None:
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


def test_an_entry_may_raise_its_threshold_but_not_lower_it() -> None:
    thresholds = Thresholds(0.8, 0.4, {"refund-time": 0.9, "hello": 0.5})
    assert [thresholds.answer_for(id_) for id_ in ("refund-time", "hello", "joke")] == [0.9, 0.8, 0.8]


def test_an_edition_cannot_be_changed() -> None:
    edition = edition_of(load(SHIPPED, SKILLS, CHANNELS))
    again = Edition.from_json(1, edition.to_json())
    for one in (edition, again):
        with pytest.raises(TypeError):
            one.entries["new"] = one.entries["hello"]  # type: ignore[index]
        with pytest.raises(AttributeError):
            one.number = 2  # type: ignore[misc]
        with pytest.raises(TypeError):
            one.phrases["welcome"] = one.phrases["unsupported"]  # type: ignore[index]


def test_the_shipped_base_is_unchanged_by_storing() -> None:
    edition = edition_of(load(SHIPPED, SKILLS, CHANNELS), number=7)
    again = Edition.from_json(7, edition.to_json())
    assert again == edition
    assert again.to_json() == edition.to_json()


WORDS = st.text(min_size=1).filter(str.strip)
BOTH = st.builds(Bilingual, zh=WORDS, en=WORDS)
SEVERAL = WORDS | st.lists(WORDS, min_size=1, max_size=3)
WORDINGS = SEVERAL | st.fixed_dictionaries({"default": SEVERAL}, optional={"wechat": SEVERAL, "twitter": SEVERAL})
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


CONFUSIONS = st.none() | st.lists(st.builds(Confusion, WORDS, WORDS, WORDS, st.floats(0, 1)), max_size=3).map(tuple)


@given(
    st.lists(ENTRIES, max_size=4, unique_by=lambda entry: entry.id), st.floats(0, 1), st.integers(1, 10**6), CONFUSIONS
)
def test_any_content_is_unchanged_by_storing(
    entries: list[Entry], threshold: float, number: int, confusions: tuple[Confusion, ...] | None
) -> None:
    phrases = MappingProxyType(dict.fromkeys(DECLARED, Bilingual(zh="好", en="{ok}")))
    by_id = MappingProxyType({entry.id: entry for entry in entries})
    stricter = MappingProxyType({entry.id: entry.target_precision or 0.9 for entry in entries})
    thresholds = Thresholds(threshold, threshold / 2, stricter)
    edition = Edition(number, by_id, phrases, thresholds, "Europe/Berlin", confusions)
    again = Edition.from_json(number, edition.to_json())
    assert again == edition
    assert list(again.entries) == list(edition.entries)


def test_a_single_wording_is_published_as_a_text(editor: Editor) -> None:
    """So that the parts of a large base keep their names, and no process reads them again."""
    editor.changes("en: Free from ¥99.", "en: {default: Free from ¥99., twitter: Free over ¥99}")
    entries = tuple(editor.base().entries.values())
    assert topic_of("0" * 64, entries).name == "5fd2c4f07e7b29b4df2a53953b2e5422010ef8f90f130c8169660b7cc363fa5b"
    (published,) = json.loads(edition_of(editor.base()).to_json())["entries"]
    assert published["answers"] == {
        "zh": {"default": "满 99 元包邮。"},
        "en": {"default": "Free from ¥99.", "twitter": "Free over ¥99"},
    }


def test_several_wordings_are_published_as_a_list(editor: Editor) -> None:
    editor.changes("en: Free from ¥99.", "en: [Free from ¥99., From ¥99 it's free]")
    edition = edition_of(editor.base())
    (published,) = json.loads(edition.to_json())["entries"]
    assert published["answers"]["en"] == {"default": ["Free from ¥99.", "From ¥99 it's free"]}
    assert Edition.from_json(1, edition.to_json()) == edition
    topic = topic_of("0" * 64, tuple(edition.entries.values()))
    assert Topic(topic.name, topic.written).entries == topic.entries


def test_an_older_edition_has_no_confusions() -> None:
    content = json.loads(edition_of(load(SHIPPED, SKILLS, CHANNELS)).to_json())
    del content["confusions"]
    assert Edition.from_json(3, json.dumps(content)).confusions is None


def test_an_edition_of_another_version_is_refused_with_what_it_lacks() -> None:
    content = edition_of(load(SHIPPED, SKILLS, CHANNELS)).to_json()
    with pytest.raises(SettingError, match=r"edition 3.*does not have welcome\n.*yingda train"):
        Edition.from_json(3, content.replace('"welcome"', '"farewell"'))
    with pytest.raises(SettingError, match="edition 3"):
        Edition.from_json(3, content.replace('"format": 1', '"format": 2'))
