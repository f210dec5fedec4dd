"""How somebody feels: on posts that nothing was learned from (see overheard_posts.yaml for who wrote them)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from importlib import resources

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from support import builders
from support.paths import PAYLOADS

from bot.domain.decisions import Change, Quiet
from bot.domain.messages import DAY, Conversation, Kind, Owner, Reason
from bot.intents.sentiment import FEELINGS, Sentiment, classify
from bot.intents.skills.social_listening import LEAST, MOST, SocialListeningSkill, rank, reach
from bot.knowledge.similarity import same_form

POSTS = yaml.safe_load((PAYLOADS / "texts" / "overheard_posts.yaml").read_text("utf-8"))
LEARNED = yaml.safe_load((resources.files("bot.intents") / "sentiment.yaml").read_text("utf-8"))
NOON = 1_790_000_000.0


@pytest.mark.parametrize("language", ["zh", "en"])
def test_sentiment_is_right_for_four_of_five_posts_and_unhappy_ones_rank_first(
    language: str, record_property: Callable[[str, object], None]
) -> None:
    unhappy, others = (classify(POSTS[language][kind]) for kind in ("unhappy", "others"))
    right = [one.name == "unhappy" for one in unhappy] + [one.name != "unhappy" for one in others]
    before = [one.unhappy > other.unhappy for one in unhappy for other in others]
    record_property("accuracy", float(np.mean(right)))
    record_property("auroc", float(np.mean(before)))
    assert np.mean(right) > 0.78
    assert np.mean(before) > 0.87


def test_the_measured_posts_are_not_in_the_training_set() -> None:
    learned = {same_form(text) for kinds in LEARNED.values() for texts in kinds.values() for text in texts}
    asked = [same_form(text) for kinds in POSTS.values() for texts in kinds.values() for text in texts]
    assert len(asked) == len(set(asked)) == 240
    assert not learned & set(asked)


def test_every_sentiment_has_examples_in_both_languages() -> None:
    assert all(len(LEARNED[language][feeling]) > 40 for language in ("zh", "en") for feeling in FEELINGS)


def test_addresses_and_names_do_not_change_the_sentiment() -> None:
    plain, dressed = classify(["云杉茶真难喝", "@worst_ever 云杉茶真难喝 https://t.co/LoveIt"])
    assert plain.unhappy == pytest.approx(dressed.unhappy, abs=1e-5)


@given(st.text(max_size=400).filter(lambda text: not any("\ud800" <= one <= "\udfff" for one in text)))
def test_any_text_has_a_sentiment(text: str) -> None:
    (told,) = classify([text])
    assert told.unhappy + told.happy + told.neutral == pytest.approx(1.0, abs=1e-4)


@given(st.floats(0, 1), st.integers(0, 10**12))
def test_an_overheard_post_ranks_behind_customers_who_wrote_to_us(unhappy: float, followers: int) -> None:
    assert LEAST <= rank(unhappy, followers) <= MOST < 0
    assert rank(unhappy, followers) <= rank(unhappy, followers * 10)


@given(st.text(max_size=30))
def test_any_number_of_followers_can_be_read(text: str) -> None:
    assert reach(text) >= 0


TALK = builders.conversation("twitter", thread=Kind.OVERHEARD.value)


def decided(conversation: Conversation, feels: Sentiment) -> object:
    async def feel(_text: str) -> Sentiment:
        return feels

    heard = builders.message("云杉茶", Kind.OVERHEARD, NOON, data={"followers": "1000"})
    turn = replace(builders.turn(talk=conversation, now=NOON), message=heard)
    return asyncio.run(SocialListeningSkill(feel).respond(turn))


def test_a_post_is_a_case_or_nothing_and_never_an_answer() -> None:
    angry = Sentiment(0.9, 0.05, 0.05)
    opened = decided(TALK, angry)
    assert (opened.reason, opened.detail, opened.text) == (Reason.OVERHEARD, "unhappy", "")  # type: ignore[attr-defined]
    assert decided(replace(TALK, resolved_at=NOON - DAY + 1), angry) == Quiet("overheard_lately")
    assert decided(replace(TALK, resolved_at=NOON - DAY), angry) == opened
    more = decided(replace(TALK, owner=Owner.QUEUE, case_id="k1"), angry)
    rose = Change("rank", {"priority": opened.priority, "detail": "unhappy"})  # type: ignore[attr-defined]
    assert more == Quiet("with_a_person", changes=(rose,))
