"""Open cases are found by whatever the desk shows of them, in either language."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import pytest
from support.conversations import Seeder
from support.desk_site import DeskSite
from support.services import MovableClock

from bot.domain.messages import OutboxState, Reason
from bot.stores.sql.database import Database
from bot.stores.sql.schema import cases, conversations


@pytest.fixture
def four(seeder: Seeder, clock: MovableClock, desk_site: DeskSite) -> dict[str, str]:
    """Cases by a name of their own: a verified member's, a public one, one of an angry customer, one that was taken."""
    lin = seeder.conversation(seeder.customer("晓晓"), verified_as="M1")
    said = seeder.hears(lin, "能换新的吗？")
    seeder.understood(lin, said, ("returns.how", 0.46))
    clock.move(1)
    tom = seeder.conversation(seeder.customer("Tom Lee"), "brand-x", "twitter", thread="1789")
    seeder.hears(tom, "Where is it?")
    seeder.answers(tom, "We ship abroad.", "delivery.abroad", OutboxState.SENT)
    clock.move(1)
    ann = seeder.conversation(seeder.customer("Ann 100%"))
    seeder.hears(ann, "!!!")
    found = {"lin": seeder.case(lin, Reason.UNSURE), "tom": seeder.case(tom, Reason.ASKED)}
    clock.move(1)
    return found | {"ann": seeder.case(ann, Reason.ANGER, priority=1)}


def found(desk_site: DeskSite, text: str, four: dict[str, str]) -> set[str]:
    return finds(desk_site, [text], four)[text]


def finds(desk_site: DeskSite, texts: Iterable[str], four: dict[str, str]) -> dict[str, set[str]]:
    """Which cases an agent finds by each text."""
    names = {case: name for name, case in four.items()}

    async def story() -> dict[str, set[str]]:
        mei = await desk_site.log_in("mei")
        answers = {text: await mei.post("/api/desk/open", json={"text": text}) for text in texts}
        return {text: {names[line["id"]] for line in answer.json()} for text, answer in answers.items()}

    return asyncio.run(story())


def test_an_open_case_is_found_by_every_label_it_shows(desk_site: DeskSite, four: dict[str, str]) -> None:
    asyncio.run(desk_site.add_staff("mei", name="小梅"))
    everybody = {"lin", "tom", "ann"}
    wanted: dict[str, set[str]] = {
        "tom": {"tom"},
        "LEE tom": {"tom"},
        "Tom Ann": set(),
        "100%": {"ann"},
        "_": set(),
        four["ann"]: {"ann"},
        # accounts and channels
        "小云": {"lin", "ann"},
        "brand-x": {"tom"},
        "微信": {"lin", "ann"},
        "wechat": {"lin", "ann"},
        "Ｔｗｉｔｔｅｒ": {"tom"},
        "推特": {"tom"},
        # why it is here, and where it stands
        "Not sure": {"lin"},
        "没把握": {"lin"},
        "upset": {"ann"},
        "要找人工": {"tom"},
        "urgent": {"ann"},
        "公开": {"tom"},
        "queue": everybody,
        "微信 没把握": {"lin"},
        # what the bot understood and answered, by its title
        "怎么退货": {"lin"},
        "abroad": {"tom"},
        # the verified member
        "林晓": {"lin"},
        "gold": {"lin"},
        "88001234": {"lin"},
        "nobody of that name": set(),
        "   ": set(),
    }
    assert finds(desk_site, wanted, four) == wanted


def test_a_case_is_found_by_the_name_of_its_agent(desk_site: DeskSite, seeder: Seeder, four: dict[str, str]) -> None:
    asyncio.run(desk_site.claimed(four["tom"]))
    assert found(desk_site, "小梅", four) == {"tom"}
    assert found(desk_site, "正在处理", four) == {"tom"}


def test_a_case_is_not_found_by_its_member_once_the_proof_has_expired(
    desk_site: DeskSite, clock: MovableClock, four: dict[str, str]
) -> None:
    asyncio.run(desk_site.add_staff("mei"))
    clock.move(86_401)
    assert found(desk_site, "gold", four) == set()


def test_a_member_system_that_fails_hides_its_labels_and_no_case(desk_site: DeskSite, four: dict[str, str]) -> None:
    asyncio.run(desk_site.add_staff("mei"))
    desk_site.members.fails = True
    assert found(desk_site, "gold", four) == set()
    assert found(desk_site, "没把握", four) == {"lin"}


def test_an_ended_case_is_not_among_the_open_ones(
    desk_site: DeskSite, database: Database, four: dict[str, str]
) -> None:
    asyncio.run(desk_site.add_staff("mei"))
    Seeder(database).change(cases, four["tom"], state="resolved", ended_at=1.0)
    assert found(desk_site, "tom", four) == set()


def test_a_case_is_found_by_a_conversation_that_joined_it(
    desk_site: DeskSite, seeder: Seeder, four: dict[str, str]
) -> None:
    asyncio.run(desk_site.add_staff("mei"))
    lin = seeder.row(cases, four["lin"])
    joined = seeder.conversation(lin.customer_id, "shop", "webchat")
    assert found(desk_site, "web chat", four) == set()
    seeder.change(conversations, joined, case_id=four["lin"])
    assert found(desk_site, "web chat", four) == {"lin"}
