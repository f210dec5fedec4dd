"""The desk over HTTP, as two agents and their browsers see it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any

import httpx
import pytest
from front import Front
from ground import MovableClock
from seeding import Ground

from bot.cases import Session
from bot.messages import Kind, Limits, Media, OutboxState
from bot.stores.record.database import Database
from bot.stores.record.tables import conversations, messages, outbox
from bot.web.live import Pulse, changes


@pytest.fixture
def ground(database: Database) -> Ground:
    return Ground(database)


@pytest.fixture
def front(database: Database, clock: MovableClock) -> Front:
    return Front(database, clock)


@pytest.fixture
def talk(ground: Ground) -> str:
    talk = ground.conversation(ground.customer("林晓"))
    ground.hears(talk, "能换新的吗？")
    return talk


@pytest.fixture
def case(ground: Ground, talk: str) -> str:
    return ground.case(talk)


async def two_agents(front: Front) -> tuple[httpx.AsyncClient, httpx.AsyncClient]:
    await front.hire("mei", name="小梅")
    await front.hire("jun", name="阿俊")
    return await front.enter("mei"), await front.enter("jun")


async def claimed(front: Front, case: str) -> httpx.AsyncClient:
    mei, _ = await two_agents(front)
    assert (await mei.post(f"/api/desk/cases/{case}/claim")).status_code == 200
    return mei


def draft(text: str, **more: str) -> dict[str, str]:
    return {"text": text, "key": "draft-0001", **more}


def run(story: Coroutine[Any, Any, None]) -> None:
    asyncio.run(story)


def test_of_two_agents_who_claim_at_once_one_wins_and_the_other_reads_who(front: Front, case: str) -> None:
    async def story() -> None:
        agents = await two_agents(front)
        answers = await asyncio.gather(*(agent.post(f"/api/desk/cases/{case}/claim") for agent in agents))
        won, lost = sorted(answers, key=lambda answer: answer.status_code)
        winner = "小梅" if won is answers[0] else "阿俊"
        assert (won.status_code, lost.status_code) == (200, 409)
        assert lost.json()["code"] == "taken"
        assert lost.json()["words"] == f"{winner} has already taken it."
        for agent in agents:
            (line,) = (await agent.get("/api/desk/board")).json()["lines"]
            assert line["agent_name"] == winner

    run(story())


def test_a_claim_is_told_to_every_open_page(front: Front, case: str) -> None:
    run_claim = claimed(front, case)
    asyncio.run(run_claim)
    assert front.whispers.said == [("desk", json.dumps({"case": case}))]


def test_the_bots_pending_reply_is_not_sent_once_an_agent_has_the_case(front: Front, ground: Ground, talk: str) -> None:
    pending = ground.answers(talk, "请稍等", "small.wait", OutboxState.PENDING)
    case = ground.case(talk)

    async def story() -> None:
        mei = await claimed(front, case)
        sheet = (await mei.get(f"/api/desk/cases/{case}")).json()
        assert sheet["said"][-1]["delivery"] == "cancelled"

    run(story())
    assert ground.row(outbox, pending).state == "cancelled"


def test_a_reply_leaves_in_pieces_the_platform_can_carry_and_wakes_delivery(
    front: Front, ground: Ground, case: str
) -> None:
    front.allowance = Limits(9, "bytes", left=5)

    async def story() -> None:
        mei = await claimed(front, case)
        answer = await mei.post(f"/api/desk/cases/{case}/reply", json=draft("一二三四五"))
        assert answer.status_code == 200
        assert ground.row(messages, answer.json()["message"]).text == "一二三四五"

    run(story())
    assert [row.text for row in ground.rows(outbox)] == ["一二三", "四五"]
    assert front.woken == 1


def test_a_reply_longer_than_the_quota_is_refused_before_anything_is_sent(
    front: Front, ground: Ground, case: str
) -> None:
    front.allowance = Limits(9, "bytes", left=1)

    async def story() -> None:
        mei = await claimed(front, case)
        answer = await mei.post(f"/api/desk/cases/{case}/reply", json=draft("一二三四五"))
        assert (answer.status_code, answer.json()["code"]) == (409, "quota")

    run(story())
    assert ground.rows(outbox) == []


def test_on_an_account_that_cannot_write_first_the_reply_waits_to_be_fetched(
    front: Front, ground: Ground, talk: str, case: str
) -> None:
    front.allowance = Limits(2047, active=False)

    async def story() -> None:
        mei = await claimed(front, case)
        await mei.post(f"/api/desk/cases/{case}/reply", json=draft("可以换"))

    run(story())
    assert [row.state for row in ground.rows(outbox)] == ["waiting"]
    assert ground.row(conversations, talk).waiting == 1


def test_somebody_elses_case_takes_notes_but_no_replies(front: Front, case: str) -> None:
    async def story() -> None:
        await claimed(front, case)
        jun = await front.enter("jun")
        reply = await jun.post(f"/api/desk/cases/{case}/reply", json=draft("我来"))
        note = await jun.post(f"/api/desk/cases/{case}/note", json={"text": "她是老顾客"})
        assert (reply.status_code, reply.json()["code"], note.status_code) == (403, "not_yours", 200)

    run(story())


@pytest.mark.parametrize("body", [{}, draft("   "), draft("x" * 10_001), {"text": "x"}, draft("x", more="y")])
def test_an_unfinished_reply_is_refused(front: Front, case: str, body: dict[str, str]) -> None:
    async def story() -> None:
        mei = await claimed(front, case)
        answer = await mei.post(f"/api/desk/cases/{case}/reply", json=body)
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid")

    run(story())


def test_an_agent_sends_a_doubtful_message_again(front: Front, ground: Ground, talk: str) -> None:
    row = ground.answers(talk, "明天送到", "delivery.when", OutboxState.IN_DOUBT)
    case = ground.case(talk)

    async def story() -> None:
        mei = await claimed(front, case)
        answer = await mei.post(f"/api/desk/cases/{case}/outgoing/{row}/send-again")
        missing = await mei.post(f"/api/desk/cases/{case}/outgoing/nothing/send-again")
        assert (answer.status_code, missing.status_code) == (200, 404)

    run(story())
    assert ground.row(outbox, row).state == "pending"
    assert front.woken == 1


def test_the_case_shows_why_it_is_here_and_everything_said_anywhere(
    front: Front, ground: Ground, clock: MovableClock
) -> None:
    customer = ground.customer("林晓")
    public = ground.conversation(customer, "brand-x", "twitter", thread="1789")
    private = ground.conversation(customer)
    ground.hears(public, "the left earbud is dead")
    clock.move(60)
    ground.hears(private, "", Kind.IMAGE, Media("media-1", "jpg"))
    ground.answers(private, "图片收到了", "small.image")
    clock.move(60)
    asked = ground.hears(private, "我要换新的")
    ground.understood(private, asked, ("returns.how", 0.46), ("repair.start", 0.3), ("hours", 0.1), ("stores", 0.05))
    case = ground.case(private)

    async def story() -> None:
        mei = await claimed(front, case)
        mei.headers["accept-language"] = "zh-CN,zh;q=0.9"
        sheet = (await mei.get(f"/api/desk/cases/{case}")).json()
        said = [(line["author"], line["kind"], line["text"]) for line in sheet["said"]]
        assert said == [
            ("customer", "text", "the left earbud is dead"),
            ("customer", "image", ""),
            ("bot", "text", "图片收到了"),
            ("customer", "text", "我要换新的"),
        ]
        card = sheet["handoff"]
        assert card["asked"]["text"] == "我要换新的"
        assert [one["intent"] for one in card["candidates"]] == ["returns.how", "repair.start", "hours"]
        assert [line["text"] for line in card["answered"]] == ["图片收到了"]
        assert sheet["titles"]["returns.how"] == "怎么退货"
        assert {one["channel"]: (one["joined"], one["public"]) for one in sheet["threads"]} == {
            "twitter": (False, True),
            "wechat": (True, False),
        }

    run(story())


def test_the_member_card_is_for_verified_customers_only(front: Front, ground: Ground, case: str) -> None:
    proven = ground.case(ground.conversation(ground.customer(), verified_as="M1"))

    async def story() -> None:
        await front.hire("mei")
        mei = await front.enter("mei")
        unknown = (await mei.get(f"/api/desk/cases/{case}")).json()["member"]
        known = (await mei.get(f"/api/desk/cases/{proven}")).json()["member"]
        assert unknown is None
        assert (known["name"], known["tier"], known["points"]) == ("林晓", "Gold", 12_480)

    run(story())


def test_a_member_system_that_fails_hides_the_points_and_not_the_case(front: Front, ground: Ground) -> None:
    front.members.fails = True
    case = ground.case(ground.conversation(ground.customer(), verified_as="M1"))

    async def story() -> None:
        await front.hire("mei")
        answer = await (await front.enter("mei")).get(f"/api/desk/cases/{case}")
        assert answer.status_code == 200
        assert answer.json()["member"]["points"] is None

    run(story())


def test_markup_that_a_customer_sends_stays_text(front: Front, ground: Ground) -> None:
    evil = "<script>alert(1)</script><img src=x onerror=alert(2)>"
    talk = ground.conversation(ground.customer(evil))
    ground.hears(talk, evil)
    case = ground.case(talk)

    async def story() -> None:
        await front.hire("mei", name="</script><script>alert(3)</script>")
        mei = await front.enter("mei")
        sheet = await mei.get(f"/api/desk/cases/{case}")
        page = await mei.get(f"/desk/cases/{case}")
        assert sheet.json()["said"][0]["text"] == evil
        assert sheet.headers["content-type"] == "application/json"
        assert sheet.headers["x-content-type-options"] == "nosniff"
        assert "alert(" not in page.text.replace("&lt;script&gt;alert(3)&lt;/script&gt;", "")

    run(story())


@pytest.mark.parametrize("path", ["/api/desk/cases/nothing", "/api/desk/cases/nothing/claim", "/api/desk/nowhere"])
def test_what_is_not_there_is_404_and_never_500(front: Front, path: str) -> None:
    async def story() -> None:
        await front.hire("mei")
        mei = await front.enter("mei")
        answer = await mei.request("POST" if path.endswith("claim") else "GET", path)
        assert answer.status_code == 404
        assert answer.json()["words"]

    run(story())


async def _heard(front: Front, clock: MovableClock, events: int, until_ended: bool = False) -> list[str]:
    member = await front.hire("ear")
    session = Session(member, "csrf", clock.now() + 3600)
    heard = []
    async for event in changes(front.parts, Pulse(front.parts), session):
        heard.append(str(event.data))
        if len(heard) == 1:
            await asyncio.sleep(0)
            asyncio.get_running_loop().call_later(0.1, lambda: clock.move(2))
        if len(heard) == events and not until_ended:
            break
    return heard


def test_a_page_hears_of_changes_and_first_of_all_that_it_should_read(front: Front, clock: MovableClock) -> None:
    async def story() -> None:
        listening = asyncio.create_task(_heard(front, clock, 2))
        await asyncio.sleep(0.3)
        await front.parts.live.publish("desk", '{"case": "c1"}')
        assert await asyncio.wait_for(listening, 5) == ["{}", '{"case": "c1"}']

    run(story())


def test_without_the_nerve_a_page_hears_of_changes_from_the_records_pulse(
    front: Front, clock: MovableClock, case: str
) -> None:
    async def story() -> None:
        mei = await front.hire("mei")
        listening = asyncio.create_task(_heard(front, clock, 2))
        await asyncio.sleep(0.2)
        await front.parts.cases.work.claim(case, mei)
        clock.move(2)
        assert await asyncio.wait_for(listening, 5) == ["{}", "{}"]

    run(story())


def test_a_page_stops_hearing_when_its_session_ends(front: Front, clock: MovableClock) -> None:
    async def story() -> None:
        listening = asyncio.create_task(_heard(front, clock, 9, until_ended=True))
        await asyncio.sleep(0.2)
        clock.move(7200)
        assert await asyncio.wait_for(listening, 5) == ["{}"]

    run(story())


def test_the_quota_and_its_end_are_told_for_each_conversation(front: Front, clock: MovableClock, case: str) -> None:
    front.allowance = replace(front.allowance, left=2)

    async def story() -> None:
        await front.hire("mei")
        sheet = (await (await front.enter("mei")).get(f"/api/desk/cases/{case}")).json()
        (limits,) = (one["limits"] for one in sheet["threads"])
        assert (limits["left"], limits["window_until"]) == (2, clock.now() + 172_800)

    run(story())
