"""What staff read at the desk over HTTP, as their browsers get it."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from front import Front
from ground import MovableClock
from seeding import Ground

from bot.messages import Kind, Media
from bot.stores.record.tables import messages
from bot.web.parts import DeskHours


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
        mei = await front.claimed(case)
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

    asyncio.run(story())


def test_the_member_card_is_for_verified_customers_only(front: Front, ground: Ground, case: str) -> None:
    proven = ground.case(ground.conversation(ground.customer(), verified_as="M1"))

    async def story() -> None:
        await front.hire("mei")
        mei = await front.enter("mei")
        unknown = (await mei.get(f"/api/desk/cases/{case}")).json()["member"]
        known = (await mei.get(f"/api/desk/cases/{proven}")).json()["member"]
        assert unknown is None
        assert (known["name"], known["tier"], known["points"]) == ("林晓", "Gold", 12_480)

    asyncio.run(story())


def test_a_member_system_that_fails_hides_the_points_and_not_the_case(front: Front, ground: Ground) -> None:
    front.members.fails = True
    case = ground.case(ground.conversation(ground.customer(), verified_as="M1"))

    async def story() -> None:
        await front.hire("mei")
        answer = await (await front.enter("mei")).get(f"/api/desk/cases/{case}")
        assert answer.status_code == 200
        assert answer.json()["member"]["points"] is None

    asyncio.run(story())


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

    asyncio.run(story())


@pytest.mark.parametrize("path", ["/api/desk/cases/nothing", "/api/desk/cases/nothing/claim", "/api/desk/nowhere"])
def test_what_is_not_there_is_404_and_never_500(front: Front, path: str) -> None:
    async def story() -> None:
        await front.hire("mei")
        mei = await front.enter("mei")
        answer = await mei.request("POST" if path.endswith("claim") else "GET", path)
        assert answer.status_code == 404
        assert answer.json()["words"]

    asyncio.run(story())


def test_the_quota_and_its_end_are_told_for_each_conversation(front: Front, clock: MovableClock, case: str) -> None:
    front.allowance = replace(front.allowance, left=2)

    async def story() -> None:
        await front.hire("mei")
        sheet = (await (await front.enter("mei")).get(f"/api/desk/cases/{case}")).json()
        (limits,) = (one["limits"] for one in sheet["threads"])
        assert (limits["left"], limits["window_until"]) == (2, clock.now() + 172_800)

    asyncio.run(story())


def test_an_ended_case_is_found_by_those_who_work_at_the_desk(front: Front, case: str) -> None:
    async def story() -> None:
        mei = await front.claimed(case)
        assert (await mei.post("/api/desk/ended", json={})).json() == []
        await mei.post(f"/api/desk/cases/{case}/resolve")
        for search in ("", "林", case):
            (found,) = (await mei.post("/api/desk/ended", json={"text": search})).json()
            assert (found["id"], found["state"], found["customer"]["name"]) == (case, "resolved", "林晓")
        assert (await mei.post("/api/desk/ended", json={"text": "Grace"})).json() == []
        assert (await mei.post("/api/desk/ended", json={"text": "x" * 101})).status_code == 400

    asyncio.run(story())


def test_where_a_customer_is_stands_in_the_conversation(front: Front, ground: Ground, talk: str, case: str) -> None:
    ground.change(messages, ground.hears(talk, "", Kind.LOCATION), data='{"lat":"31.2","lon":"121.4","label":"静安寺"}')

    async def story() -> None:
        mei, _ = await front.two_agents()
        said = (await mei.get(f"/api/desk/cases/{case}")).json()["said"][-1]
        assert (said["kind"], said["media"]["title"], said["media"]["reference"]) == (
            "location",
            "静安寺",
            "31.2, 121.4",
        )

    asyncio.run(story())


def test_the_board_says_whether_the_desk_is_open(front: Front) -> None:
    front.hours = DeskHours(False, "明天 09:00", "同事下班了")

    async def story() -> None:
        mei, _ = await front.two_agents()
        hours = (await mei.get("/api/desk/board")).json()["hours"]
        assert hours == {"open": False, "until": "明天 09:00", "says": "同事下班了"}

    asyncio.run(story())


def test_the_board_is_bounded_and_says_how_much_more_there_is(
    front: Front, ground: Ground, clock: MovableClock
) -> None:
    opened = []
    for number in range(5):
        talk = ground.conversation(ground.customer(f"customer {number}"))
        ground.hears(talk, "hello")
        opened.append(ground.case(talk))
        clock.move(1)

    async def story() -> None:
        mei = await front.claimed(opened[4])
        board = (await mei.get("/api/desk/board?limit=2")).json()
        assert [line["id"] for line in board["lines"]] == [opened[0], opened[1], opened[4]]
        assert (board["counts"], board["more"]) == ({"waiting": 4, "mine": 1, "open": 5}, 2)
        whole = (await mei.get("/api/desk/board")).json()
        assert (len(whole["lines"]), whole["more"]) == (5, 0)
        assert (await mei.get("/api/desk/board?limit=100000")).status_code == 400

    asyncio.run(story())
