"""What staff read at the desk over HTTP, as their browsers get it."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from support.conversations import Seeder
from support.desk_site import DeskSite
from support.services import MovableClock

from bot.domain.messages import Kind, Media
from bot.stores.sql.schema import messages
from bot.web.dependencies import DeskHours


def test_a_case_shows_its_reason_and_the_messages_of_every_channel(
    desk_site: DeskSite, seeder: Seeder, clock: MovableClock
) -> None:
    customer = seeder.customer("林晓")
    public = seeder.conversation(customer, "brand-x", "twitter", thread="1789")
    private = seeder.conversation(customer)
    seeder.hears(public, "the left earbud is dead")
    clock.move(60)
    seeder.hears(private, "", Kind.IMAGE, Media("media-1", "jpg"))
    seeder.answers(private, "图片收到了", "small.image")
    clock.move(60)
    asked = seeder.hears(private, "我要换新的")
    seeder.understood(private, asked, ("returns.how", 0.46), ("repair.start", 0.3), ("hours", 0.1), ("stores", 0.05))
    case = seeder.case(private)

    async def story() -> None:
        mei = await desk_site.claimed(case)
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


def test_the_member_card_is_for_verified_customers_only(desk_site: DeskSite, seeder: Seeder, case: str) -> None:
    proven = seeder.case(seeder.conversation(seeder.customer(), verified_as="M1"))

    async def story() -> None:
        await desk_site.add_staff("mei")
        mei = await desk_site.log_in("mei")
        unknown = (await mei.get(f"/api/desk/cases/{case}")).json()["member"]
        known = (await mei.get(f"/api/desk/cases/{proven}")).json()["member"]
        assert unknown is None
        assert (known["name"], known["tier"], known["points"]) == ("林晓", "Gold", 12_480)

    asyncio.run(story())


def test_a_member_system_that_fails_hides_the_points_and_not_the_case(desk_site: DeskSite, seeder: Seeder) -> None:
    desk_site.members.fails = True
    case = seeder.case(seeder.conversation(seeder.customer(), verified_as="M1"))

    async def story() -> None:
        await desk_site.add_staff("mei")
        answer = await (await desk_site.log_in("mei")).get(f"/api/desk/cases/{case}")
        assert answer.status_code == 200
        assert answer.json()["member"]["points"] is None

    asyncio.run(story())


def test_markup_that_a_customer_sends_stays_text(desk_site: DeskSite, seeder: Seeder) -> None:
    evil = "<script>alert(1)</script><img src=x onerror=alert(2)>"
    talk = seeder.conversation(seeder.customer(evil))
    seeder.hears(talk, evil)
    case = seeder.case(talk)

    async def story() -> None:
        await desk_site.add_staff("mei", name="</script><script>alert(3)</script>")
        mei = await desk_site.log_in("mei")
        sheet = await mei.get(f"/api/desk/cases/{case}")
        page = await mei.get(f"/desk/cases/{case}")
        assert sheet.json()["said"][0]["text"] == evil
        assert sheet.headers["content-type"] == "application/json"
        assert sheet.headers["x-content-type-options"] == "nosniff"
        assert "alert(" not in page.text.replace("&lt;script&gt;alert(3)&lt;/script&gt;", "")

    asyncio.run(story())


@pytest.mark.parametrize("path", ["/api/desk/cases/nothing", "/api/desk/cases/nothing/claim", "/api/desk/nowhere"])
def test_unknown_ids_are_answered_404(desk_site: DeskSite, path: str) -> None:
    async def story() -> None:
        await desk_site.add_staff("mei")
        mei = await desk_site.log_in("mei")
        answer = await mei.request("POST" if path.endswith("claim") else "GET", path)
        assert answer.status_code == 404
        assert answer.json()["words"]

    asyncio.run(story())


def test_each_conversation_has_its_quota_and_when_it_ends(desk_site: DeskSite, clock: MovableClock, case: str) -> None:
    desk_site.allowance = replace(desk_site.allowance, left=2)

    async def story() -> None:
        await desk_site.add_staff("mei")
        sheet = (await (await desk_site.log_in("mei")).get(f"/api/desk/cases/{case}")).json()
        (limits,) = (one["limits"] for one in sheet["threads"])
        assert (limits["left"], limits["window_until"]) == (2, clock.now() + 172_800)

    asyncio.run(story())


def test_an_ended_case_is_found_by_desk_roles(desk_site: DeskSite, case: str) -> None:
    async def story() -> None:
        mei = await desk_site.claimed(case)
        assert (await mei.post("/api/desk/ended", json={})).json() == []
        await mei.post(f"/api/desk/cases/{case}/resolve")
        for search in ("", "林", case):
            (found,) = (await mei.post("/api/desk/ended", json={"text": search})).json()
            assert (found["id"], found["state"], found["customer"]["name"]) == (case, "resolved", "林晓")
        assert (await mei.post("/api/desk/ended", json={"text": "Grace"})).json() == []
        assert (await mei.post("/api/desk/ended", json={"text": "x" * 101})).status_code == 400

    asyncio.run(story())


def test_a_location_of_the_customer_is_in_the_conversation(
    desk_site: DeskSite, seeder: Seeder, talk: str, case: str
) -> None:
    seeder.change(messages, seeder.hears(talk, "", Kind.LOCATION), data='{"lat":"31.2","lon":"121.4","label":"静安寺"}')

    async def story() -> None:
        mei, _ = await desk_site.two_agents()
        said = (await mei.get(f"/api/desk/cases/{case}")).json()["said"][-1]
        assert (said["kind"], said["media"]["title"], said["media"]["reference"]) == (
            "location",
            "静安寺",
            "31.2, 121.4",
        )

    asyncio.run(story())


def test_the_board_says_whether_the_desk_is_open(desk_site: DeskSite) -> None:
    desk_site.hours = DeskHours(False, "明天 09:00", "同事下班了")

    async def story() -> None:
        mei, _ = await desk_site.two_agents()
        hours = (await mei.get("/api/desk/board")).json()["hours"]
        assert hours == {"open": False, "until": "明天 09:00", "says": "同事下班了"}

    asyncio.run(story())


def test_the_board_is_limited_and_counts_the_remaining_cases(
    desk_site: DeskSite, seeder: Seeder, clock: MovableClock
) -> None:
    opened = []
    for number in range(5):
        talk = seeder.conversation(seeder.customer(f"customer {number}"))
        seeder.hears(talk, "hello")
        opened.append(seeder.case(talk))
        clock.move(1)

    async def story() -> None:
        mei = await desk_site.claimed(opened[4])
        board = (await mei.get("/api/desk/board?limit=2")).json()
        assert [line["id"] for line in board["lines"]] == [opened[0], opened[1], opened[4]]
        assert (board["counts"], board["more"]) == ({"waiting": 4, "mine": 1, "open": 5}, 2)
        whole = (await mei.get("/api/desk/board")).json()
        assert (len(whole["lines"]), whole["more"]) == (5, 0)
        assert (await mei.get("/api/desk/board?limit=100000")).status_code == 400

    asyncio.run(story())
