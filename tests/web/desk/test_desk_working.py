"""Working at the desk over HTTP, as two agents and their browsers do."""

from __future__ import annotations

import asyncio

import pytest
from front import Front, draft
from seeding import Ground

from bot.messages import Limits, Manners, OutboxState
from bot.stores.record.tables import conversations, messages, outbox


def test_of_two_agents_who_claim_at_once_one_wins_and_the_other_reads_who(front: Front, case: str) -> None:
    async def story() -> None:
        agents = await front.two_agents()
        answers = await asyncio.gather(*(agent.post(f"/api/desk/cases/{case}/claim") for agent in agents))
        won, lost = sorted(answers, key=lambda answer: answer.status_code)
        winner = "小梅" if won is answers[0] else "阿俊"
        assert (won.status_code, lost.status_code) == (200, 409)
        assert lost.json()["code"] == "taken"
        assert lost.json()["words"] == f"{winner} has already taken it."
        for agent in agents:
            (line,) = (await agent.get("/api/desk/board")).json()["lines"]
            assert line["agent_name"] == winner

    asyncio.run(story())


def test_the_bots_pending_reply_is_not_sent_once_an_agent_has_the_case(front: Front, ground: Ground, talk: str) -> None:
    pending = ground.answers(talk, "请稍等", "small.wait", OutboxState.PENDING)
    case = ground.case(talk)

    async def story() -> None:
        mei = await front.claimed(case)
        sheet = (await mei.get(f"/api/desk/cases/{case}")).json()
        assert sheet["said"][-1]["delivery"] == "cancelled"

    asyncio.run(story())
    assert ground.row(outbox, pending).state == "cancelled"


def test_a_reply_leaves_in_pieces_the_platform_can_carry_and_wakes_delivery(
    front: Front, ground: Ground, case: str
) -> None:
    front.allowance = Limits(9, "bytes", left=5)

    async def story() -> None:
        mei = await front.claimed(case)
        answer = await mei.post(f"/api/desk/cases/{case}/reply", json=draft("一二三四五"))
        assert answer.status_code == 200
        assert ground.row(messages, answer.json()["message"]).text == "一二三四五"

    asyncio.run(story())
    assert [row.text for row in ground.rows(outbox)] == ["一二三", "四五"]
    assert front.woken == 1


def test_what_was_just_said_in_public_is_not_said_there_again_and_the_agent_reads_why(
    front: Front, ground: Ground
) -> None:
    front.allowance = Limits(280, "weighted", manners=Manners(same_after=129_600))
    talks = [ground.conversation(ground.customer(), "brand-x", "twitter", thread=thread) for thread in "12"]
    first, second = (ground.case(talk) for talk in talks)

    async def story() -> None:
        mei = await front.claimed(first)
        await mei.post(f"/api/desk/cases/{second}/claim")
        said = await mei.post(f"/api/desk/cases/{first}/reply", json=draft("谢谢您"))
        again = await mei.post(f"/api/desk/cases/{second}/reply", json=draft("谢谢您", key="draft-0002"))
        assert (said.status_code, again.status_code, again.json()["code"]) == (200, 403, "said_lately")
        assert "the same was said in public" in again.json()["words"].lower()

    asyncio.run(story())
    assert [row.text for row in ground.rows(outbox)] == ["谢谢您"]


def test_a_reply_longer_than_the_quota_is_refused_before_anything_is_sent(
    front: Front, ground: Ground, case: str
) -> None:
    front.allowance = Limits(9, "bytes", left=1)

    async def story() -> None:
        mei = await front.claimed(case)
        answer = await mei.post(f"/api/desk/cases/{case}/reply", json=draft("一二三四五"))
        assert (answer.status_code, answer.json()["code"]) == (409, "quota")

    asyncio.run(story())
    assert ground.rows(outbox) == []


def test_on_an_account_that_cannot_write_first_the_reply_waits_to_be_fetched(
    front: Front, ground: Ground, talk: str, case: str
) -> None:
    front.allowance = Limits(2047, active=False)

    async def story() -> None:
        mei = await front.claimed(case)
        await mei.post(f"/api/desk/cases/{case}/reply", json=draft("可以换"))

    asyncio.run(story())
    assert [row.state for row in ground.rows(outbox)] == ["waiting"]
    assert ground.row(conversations, talk).waiting == 1


def test_somebody_elses_case_takes_notes_but_no_replies(front: Front, case: str) -> None:
    async def story() -> None:
        await front.claimed(case)
        jun = await front.enter("jun")
        reply = await jun.post(f"/api/desk/cases/{case}/reply", json=draft("我来"))
        note = await jun.post(f"/api/desk/cases/{case}/note", json={"text": "她是老顾客"})
        assert (reply.status_code, reply.json()["code"], note.status_code) == (403, "not_yours", 200)

    asyncio.run(story())


@pytest.mark.parametrize("body", [{}, draft("   "), draft("x" * 10_001), {"text": "x"}, draft("x", more="y")])
def test_an_unfinished_reply_is_refused(front: Front, case: str, body: dict[str, str]) -> None:
    async def story() -> None:
        mei = await front.claimed(case)
        answer = await mei.post(f"/api/desk/cases/{case}/reply", json=body)
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid")

    asyncio.run(story())


def test_an_agent_sends_a_doubtful_message_again(front: Front, ground: Ground, talk: str) -> None:
    row = ground.answers(talk, "明天送到", "delivery.when", OutboxState.IN_DOUBT)
    case = ground.case(talk)

    async def story() -> None:
        mei = await front.claimed(case)
        answer = await mei.post(f"/api/desk/cases/{case}/outgoing/{row}/send-again")
        missing = await mei.post(f"/api/desk/cases/{case}/outgoing/nothing/send-again")
        assert (answer.status_code, missing.status_code) == (200, 404)

    asyncio.run(story())
    assert ground.row(outbox, row).state == "pending"
    assert front.woken == 1


def test_what_may_not_have_arrived_stands_on_the_board_until_somebody_decides(
    front: Front, ground: Ground, talk: str
) -> None:
    first = ground.answers(talk, "您好", "small.hello", OutboxState.FAILED)
    second = ground.answers(talk, "请稍等", "small.wait", OutboxState.IN_DOUBT)

    async def story() -> None:
        mei, _ = await front.two_agents()
        strays = (await mei.get("/api/desk/board")).json()["strays"]
        assert {stray["id"]: (stray["text"], stray["customer"]["name"]) for stray in strays} == {
            first: ("您好", "林晓"),
            second: ("请稍等", "林晓"),
        }
        assert (await mei.post(f"/api/desk/undelivered/{first}/send-again")).status_code == 200
        assert (await mei.post(f"/api/desk/undelivered/{second}/leave")).status_code == 200
        assert (await mei.get("/api/desk/board")).json()["strays"] == []
        gone = await mei.post(f"/api/desk/undelivered/{first}/send-again")
        assert (gone.status_code, gone.json()["code"]) == (404, "outgoing")

    asyncio.run(story())
    assert [ground.row(outbox, one).state for one in (first, second)] == ["pending", "left"]
    assert front.woken == 1


def test_only_whoever_has_the_case_is_seen_writing(front: Front, talk: str, case: str) -> None:
    async def story() -> None:
        mei = await front.claimed(case)
        jun = await front.enter("jun")
        assert (await jun.post(f"/api/desk/cases/{case}/typing", json={})).status_code == 403
        assert front.typed == []
        assert (await mei.post(f"/api/desk/cases/{case}/typing", json={})).status_code == 200
        assert front.typed == [talk]
        front.allows_typing = False
        assert (await mei.post(f"/api/desk/cases/{case}/typing", json={})).status_code == 200

    asyncio.run(story())


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"entry": "no.such"}, 404, "entry"),
        ({"entry": "returns.how", "message": "nobody-said-this"}, 404, "case"),
        ({"entry": "x" * 65}, 400, "invalid"),
        ({"entry": "", "text": "words have no place here"}, 400, "invalid"),
    ],
)
def test_a_correction_that_names_nothing_is_refused(
    front: Front, ground: Ground, talk: str, body: dict[str, str], status: int, code: str
) -> None:
    asked = ground.hears(talk, "左边没声音了")
    case = ground.case(talk)

    async def story() -> None:
        await front.hire("mei")
        mei = await front.enter("mei")
        answer = await mei.post(f"/api/desk/cases/{case}/correct", json={"message": asked, **body})
        assert (answer.status_code, answer.json()["code"]) == (status, code)

    asyncio.run(story())
