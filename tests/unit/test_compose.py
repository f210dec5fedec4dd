"""Which of an answer's wordings is said where: the first, and in a public thread one that was not said there lately."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import pytest
from support import builders

from bot.compose import ComposedTurn, DeliveryContext, compose, public_texts
from bot.domain.decisions import Answer, Trace
from bot.domain.messages import Audience, Limits, PostingRules
from bot.domain.turns import ClaimedMessage, PublicPostGuard
from bot.intents.dialogue import DecisionResult
from bot.knowledge.content import Bilingual
from bot.text import CHARACTERS

DAY_AND_A_HALF = 36 * 3600.0
MOVED = Bilingual(zh="privately, then", en="privately, then")
INVITED = Bilingual(zh="write: {link}\ngo on: {link}", en="write: {link}\ngo on: {link}")
EDITION = builders.edition({"private.invited": INVITED, "private.moved": MOVED})
WORDS = ("nine to five", "from nine until five", "open at nine, shut at five")
ANSWER = Answer(WORDS[0], "hours", 0.9, variants=WORDS[1:])
X = Limits(30, CHARACTERS, public=True, posting_rules=PostingRules("https://x", same_after=DAY_AND_A_HALF))


def asked(message: str = "m", thread: str = "post-1") -> ClaimedMessage:
    return ClaimedMessage(
        builders.conversation("twitter", thread=thread), builders.message("when are you open", id=message)
    )


def decided(answer: Answer = ANSWER) -> DecisionResult:
    return DecisionResult(answer, Trace(1, "en", (), "Answer", "hours"), "en", EDITION)


def composed(
    work: ClaimedMessage, answer: Answer = ANSWER, limits: Limits = X, posted: Collection[str] = ()
) -> ComposedTurn:
    return compose(work, decided(answer), DeliveryContext(limits, response_open=False, posted=posted))


def said(composed: ComposedTurn) -> list[str]:
    return [reply.text for reply in composed.commit.replies]


def test_a_reply_that_was_posted_recently_is_posted_in_another_wording() -> None:
    one = composed(asked(), posted=WORDS[:2])
    (reply,) = one.commit.replies
    assert (reply.text, reply.same_thread, reply.entry, reply.confidence) == (WORDS[2], True, "hours", 0.9)
    assert one.commit.post_guard == PublicPostGuard(WORDS[2], DAY_AND_A_HALF)


def test_a_reply_whose_wordings_were_all_posted_recently_is_sent_privately() -> None:
    invitation, private = composed(asked(), posted=WORDS).commit.replies
    assert invitation.text.endswith("https://x")
    assert (private.text, private.same_thread, private.entry) == (WORDS[0], False, "hours")


def test_customers_who_ask_at_the_same_moment_get_different_wordings_first() -> None:
    texts = [public_texts(asked(f"m{number}"), decided(), X, None) for number in range(9)]
    assert {each[0] for each in texts} == set(WORDS)
    assert all(set(each[:3]) == set(WORDS) for each in texts)


@pytest.mark.parametrize("message", ["m0", "m1", "m2"])
def test_a_short_wording_is_posted_if_the_first_is_too_long(message: str) -> None:
    long = replace(ANSWER, text="far too long for a public thread")
    assert said(composed(asked(message), long)) in [[WORDS[1]], [WORDS[2]]]
    private = composed(asked(message), long, posted=WORDS[1:]).commit.replies[-1]
    assert (private.text, private.same_thread) == (long.text, False)


@pytest.mark.parametrize("message", ["m0", "m1", "m2"])
def test_the_first_wording_is_used_in_private_and_on_platforms_that_allow_repeats(message: str) -> None:
    assert said(composed(asked(message, thread=""))) == [WORDS[0]]
    assert said(composed(asked(message), limits=replace(X, posting_rules=PostingRules()))) == [WORDS[0]]


def test_a_private_reply_is_posted_in_no_wording() -> None:
    texts = public_texts(asked(), decided(replace(ANSWER, audience=Audience.PRIVATE)), X, None)
    assert not {*WORDS} & {*texts}
