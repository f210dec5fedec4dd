"""Working at the desk over HTTP, as two agents and their browsers do."""

from __future__ import annotations

import asyncio

import pytest
from support.conversations import Seeder
from support.desk_site import DeskSite, draft

from bot.channels.twitter.weighted_length import WEIGHTED
from bot.domain.messages import Limits, OutboxState, PostingRules
from bot.stores.sql.schema import conversations, messages, outbox
from bot.text import BYTES


def test_of_two_concurrent_claims_one_wins_and_the_other_names_the_winner(desk_site: DeskSite, case: str) -> None:
    async def story() -> None:
        agents = await desk_site.two_agents()
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


def test_the_bots_pending_reply_is_not_sent_once_an_agent_has_the_case(
    desk_site: DeskSite, seeder: Seeder, talk: str
) -> None:
    pending = seeder.answers(talk, "请稍等", "small.wait", OutboxState.PENDING)
    case = seeder.case(talk)

    async def story() -> None:
        mei = await desk_site.claimed(case)
        sheet = (await mei.get(f"/api/desk/cases/{case}")).json()
        assert sheet["said"][-1]["delivery"] == "cancelled"

    asyncio.run(story())
    assert seeder.row(outbox, pending).state == "cancelled"


def test_a_long_reply_is_split_for_the_platform_and_wakes_delivery(
    desk_site: DeskSite, seeder: Seeder, case: str
) -> None:
    desk_site.allowance = Limits(9, BYTES, left=5)

    async def story() -> None:
        mei = await desk_site.claimed(case)
        answer = await mei.post(f"/api/desk/cases/{case}/reply", json=draft("一二三四五"))
        assert answer.status_code == 200
        assert seeder.row(messages, answer.json()["message"]).text == "一二三四五"

    asyncio.run(story())
    assert [row.text for row in seeder.rows(outbox)] == ["一二三", "四五"]
    assert desk_site.woken == 1


def test_a_repeated_public_reply_is_refused_with_the_reason(desk_site: DeskSite, seeder: Seeder) -> None:
    desk_site.allowance = Limits(280, WEIGHTED, posting_rules=PostingRules(same_after=129_600))
    talks = [seeder.conversation(seeder.customer(), "brand-x", "twitter", thread=thread) for thread in "12"]
    first, second = (seeder.case(talk) for talk in talks)

    async def story() -> None:
        mei = await desk_site.claimed(first)
        await mei.post(f"/api/desk/cases/{second}/claim")
        said = await mei.post(f"/api/desk/cases/{first}/reply", json=draft("谢谢您"))
        again = await mei.post(f"/api/desk/cases/{second}/reply", json=draft("谢谢您", key="draft-0002"))
        assert (said.status_code, again.status_code, again.json()["code"]) == (200, 403, "said_lately")
        assert "the same text was posted in public" in again.json()["words"].lower()

    asyncio.run(story())
    assert [row.text for row in seeder.rows(outbox)] == ["谢谢您"]


def test_a_reply_longer_than_the_quota_is_refused_before_anything_is_sent(
    desk_site: DeskSite, seeder: Seeder, case: str
) -> None:
    desk_site.allowance = Limits(9, BYTES, left=1)

    async def story() -> None:
        mei = await desk_site.claimed(case)
        answer = await mei.post(f"/api/desk/cases/{case}/reply", json=draft("一二三四五"))
        assert (answer.status_code, answer.json()["code"]) == (409, "quota")

    asyncio.run(story())
    assert seeder.rows(outbox) == []


def test_on_an_account_that_cannot_write_first_the_reply_waits_for_the_customer(
    desk_site: DeskSite, seeder: Seeder, talk: str, case: str
) -> None:
    desk_site.allowance = Limits(2047, active=False)

    async def story() -> None:
        mei = await desk_site.claimed(case)
        await mei.post(f"/api/desk/cases/{case}/reply", json=draft("可以换"))

    asyncio.run(story())
    assert [row.state for row in seeder.rows(outbox)] == ["waiting"]
    assert seeder.row(conversations, talk).waiting == 1


def test_a_colleagues_case_accepts_notes_and_no_replies(desk_site: DeskSite, case: str) -> None:
    async def story() -> None:
        await desk_site.claimed(case)
        jun = await desk_site.log_in("jun")
        reply = await jun.post(f"/api/desk/cases/{case}/reply", json=draft("我来"))
        note = await jun.post(f"/api/desk/cases/{case}/note", json={"text": "她是老顾客"})
        assert (reply.status_code, reply.json()["code"], note.status_code) == (403, "not_yours", 200)

    asyncio.run(story())


@pytest.mark.parametrize("body", [{}, draft("   "), draft("x" * 10_001), {"text": "x"}, draft("x", more="y")])
def test_an_unfinished_reply_is_refused(desk_site: DeskSite, case: str, body: dict[str, str]) -> None:
    async def story() -> None:
        mei = await desk_site.claimed(case)
        answer = await mei.post(f"/api/desk/cases/{case}/reply", json=body)
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid")

    asyncio.run(story())


def test_an_agent_sends_a_doubtful_message_again(desk_site: DeskSite, seeder: Seeder, talk: str) -> None:
    row = seeder.answers(talk, "明天送到", "delivery.when", OutboxState.IN_DOUBT)
    case = seeder.case(talk)

    async def story() -> None:
        mei = await desk_site.claimed(case)
        answer = await mei.post(f"/api/desk/cases/{case}/outgoing/{row}/send-again")
        missing = await mei.post(f"/api/desk/cases/{case}/outgoing/nothing/send-again")
        assert (answer.status_code, missing.status_code) == (200, 404)

    asyncio.run(story())
    assert seeder.row(outbox, row).state == "pending"
    assert desk_site.woken == 1


def test_undelivered_messages_are_on_the_board_until_an_agent_decides(
    desk_site: DeskSite, seeder: Seeder, talk: str
) -> None:
    first = seeder.answers(talk, "您好", "small.hello", OutboxState.FAILED)
    second = seeder.answers(talk, "请稍等", "small.wait", OutboxState.IN_DOUBT)

    async def story() -> None:
        mei, _ = await desk_site.two_agents()
        undelivered = (await mei.get("/api/desk/board")).json()["undelivered"]
        assert {one["id"]: (one["text"], one["customer"]["name"]) for one in undelivered} == {
            first: ("您好", "林晓"),
            second: ("请稍等", "林晓"),
        }
        assert (await mei.post(f"/api/desk/undelivered/{first}/send-again")).status_code == 200
        assert (await mei.post(f"/api/desk/undelivered/{second}/leave")).status_code == 200
        assert (await mei.get("/api/desk/board")).json()["undelivered"] == []
        gone = await mei.post(f"/api/desk/undelivered/{first}/send-again")
        assert (gone.status_code, gone.json()["code"]) == (404, "outgoing")

    asyncio.run(story())
    assert [seeder.row(outbox, one).state for one in (first, second)] == ["pending", "left"]
    assert desk_site.woken == 1


def test_only_the_claiming_agent_shows_a_typing_indicator(desk_site: DeskSite, talk: str, case: str) -> None:
    async def story() -> None:
        mei = await desk_site.claimed(case)
        jun = await desk_site.log_in("jun")
        assert (await jun.post(f"/api/desk/cases/{case}/typing", json={})).status_code == 403
        assert desk_site.typed == []
        assert (await mei.post(f"/api/desk/cases/{case}/typing", json={})).status_code == 200
        assert desk_site.typed == [talk]
        desk_site.allows_typing = False
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
    desk_site: DeskSite, seeder: Seeder, talk: str, body: dict[str, str], status: int, code: str
) -> None:
    asked = seeder.hears(talk, "左边没声音了")
    case = seeder.case(talk)

    async def story() -> None:
        await desk_site.add_staff("mei")
        mei = await desk_site.log_in("mei")
        answer = await mei.post(f"/api/desk/cases/{case}/correct", json={"message": asked, **body})
        assert (answer.status_code, answer.json()["code"]) == (status, code)

    asyncio.run(story())
