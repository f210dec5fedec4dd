"""Which of an answer's wordings is said where: the first, and in a public thread one that was not said there lately."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from types import MappingProxyType

import pytest

from bot.composing import Composed, Way, compose, public_texts
from bot.decisions import Answer, Trace
from bot.intents.mind import Decided
from bot.knowledge.content import Bilingual
from bot.knowledge.editions import Edition, Thresholds
from bot.messages import Audience, Conversation, Heard, Identity, Kind, Limits, Manners
from bot.turns import Posting, Work

DAY_AND_A_HALF = 36 * 3600.0
MOVED = Bilingual(zh="privately, then", en="privately, then")
INVITED = Bilingual(zh="write: {link}\ngo on: {link}", en="write: {link}\ngo on: {link}")
EDITION = Edition(
    1,
    MappingProxyType({}),
    MappingProxyType({"private.invited": INVITED, "private.moved": MOVED}),
    Thresholds(0.8, 0.4),
)
WORDS = ("nine to five", "from nine until five", "open at nine, shut at five")
ANSWER = Answer(WORDS[0], "hours", 0.9, variants=WORDS[1:])
X = Limits(30, "characters", public=True, manners=Manners("https://x", same_after=DAY_AND_A_HALF))


def asked(message: str = "m", thread: str = "post-1") -> Work:
    conversation = Conversation("k", "brand", "twitter", Identity("i", "c", "brand", "lin"), thread=thread)
    return Work(conversation, Heard(message, "k", 1, "d", Kind.TEXT, "when are you open", 1_790_000_000.0))


def decided(answer: Answer = ANSWER) -> Decided:
    return Decided(answer, Trace(1, "en", (), "Answer", "hours"), "en", EDITION)


def composed(work: Work, answer: Answer = ANSWER, limits: Limits = X, posted: Collection[str] = ()) -> Composed:
    return compose(work, decided(answer), Way(limits, offered=False, posted=posted), None)


def said(composed: Composed) -> list[str]:
    return [reply.text for reply in composed.commit.replies]


def test_what_was_said_lately_is_said_in_other_words_and_alone() -> None:
    one = composed(asked(), posted=WORDS[:2])
    (reply,) = one.commit.replies
    assert (reply.text, reply.here, reply.entry, reply.confidence) == (WORDS[2], True, "hours", 0.9)
    assert one.commit.posting == Posting(WORDS[2], DAY_AND_A_HALF)


def test_when_every_wording_was_said_lately_the_first_is_told_privately() -> None:
    invitation, private = composed(asked(), posted=WORDS).commit.replies
    assert invitation.text.endswith("https://x")
    assert (private.text, private.here, private.entry) == (WORDS[0], False, "hours")


def test_those_who_ask_at_once_begin_with_different_words() -> None:
    texts = [public_texts(asked(f"m{number}"), decided(), X, None) for number in range(9)]
    assert {each[0] for each in texts} == set(WORDS)
    assert all(set(each[:3]) == set(WORDS) for each in texts)


@pytest.mark.parametrize("message", ["m0", "m1", "m2"])
def test_a_short_wording_stands_alone_where_the_first_is_too_long(message: str) -> None:
    long = replace(ANSWER, text="far too long for a public thread")
    assert said(composed(asked(message), long)) in [[WORDS[1]], [WORDS[2]]]
    private = composed(asked(message), long, posted=WORDS[1:]).commit.replies[-1]
    assert (private.text, private.here) == (long.text, False)


@pytest.mark.parametrize("message", ["m0", "m1", "m2"])
def test_in_private_and_where_nobody_minds_the_same_words_the_first_are_said(message: str) -> None:
    assert said(composed(asked(message, thread=""))) == [WORDS[0]]
    assert said(composed(asked(message), limits=replace(X, manners=Manners()))) == [WORDS[0]]


def test_what_is_private_is_said_in_public_in_no_wording_at_all() -> None:
    texts = public_texts(asked(), decided(replace(ANSWER, audience=Audience.PRIVATE)), X, None)
    assert not {*WORDS} & {*texts}
