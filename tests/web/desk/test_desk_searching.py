"""Open cases are found by whatever the desk shows of them, in either language."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import pytest
from front import Front
from ground import MovableClock
from seeding import Ground

from bot.messages import OutboxState, Reason
from bot.stores.record.database import Database
from bot.stores.record.tables import cases, conversations


@pytest.fixture
def four(ground: Ground, clock: MovableClock, front: Front) -> dict[str, str]:
    """Cases by a name of their own: a verified member's, a public one, one of an angry customer, one that was taken."""
    lin = ground.conversation(ground.customer("晓晓"), verified_as="M1")
    said = ground.hears(lin, "能换新的吗？")
    ground.understood(lin, said, ("returns.how", 0.46))
    clock.move(1)
    tom = ground.conversation(ground.customer("Tom Lee"), "brand-x", "twitter", thread="1789")
    ground.hears(tom, "Where is it?")
    ground.answers(tom, "We ship abroad.", "delivery.abroad", OutboxState.SENT)
    clock.move(1)
    ann = ground.conversation(ground.customer("Ann 100%"))
    ground.hears(ann, "!!!")
    found = {"lin": ground.case(lin, Reason.UNSURE), "tom": ground.case(tom, Reason.ASKED)}
    clock.move(1)
    return found | {"ann": ground.case(ann, Reason.ANGER, priority=1)}


def found(front: Front, text: str, four: dict[str, str]) -> set[str]:
    return finds(front, [text], four)[text]


def finds(front: Front, texts: Iterable[str], four: dict[str, str]) -> dict[str, set[str]]:
    """Which cases an agent finds by each text."""
    names = {case: name for name, case in four.items()}

    async def story() -> dict[str, set[str]]:
        mei = await front.enter("mei")
        answers = {text: await mei.post("/api/desk/open", json={"text": text}) for text in texts}
        return {text: {names[line["id"]] for line in answer.json()} for text, answer in answers.items()}

    return asyncio.run(story())


def test_an_open_case_is_found_by_every_label_that_is_shown_of_it(front: Front, four: dict[str, str]) -> None:
    asyncio.run(front.hire("mei", name="小梅"))
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
    assert finds(front, wanted, four) == wanted


def test_whoever_has_the_case_is_a_label_too(front: Front, ground: Ground, four: dict[str, str]) -> None:
    asyncio.run(front.claimed(four["tom"]))
    assert found(front, "小梅", four) == {"tom"}
    assert found(front, "正在处理", four) == {"tom"}


def test_a_member_is_no_label_once_the_proof_has_run_out(
    front: Front, clock: MovableClock, four: dict[str, str]
) -> None:
    asyncio.run(front.hire("mei"))
    clock.move(86_401)
    assert found(front, "gold", four) == set()


def test_a_member_system_that_fails_hides_its_labels_and_no_case(front: Front, four: dict[str, str]) -> None:
    asyncio.run(front.hire("mei"))
    front.members.fails = True
    assert found(front, "gold", four) == set()
    assert found(front, "没把握", four) == {"lin"}


def test_an_ended_case_is_not_among_the_open_ones(front: Front, database: Database, four: dict[str, str]) -> None:
    asyncio.run(front.hire("mei"))
    Ground(database).change(cases, four["tom"], state="resolved", ended_at=1.0)
    assert found(front, "tom", four) == set()


def test_a_case_is_found_by_a_conversation_that_joined_it(front: Front, ground: Ground, four: dict[str, str]) -> None:
    asyncio.run(front.hire("mei"))
    lin = ground.row(cases, four["lin"])
    joined = ground.conversation(lin.customer_id, "shop", "webchat")
    assert found(front, "web chat", four) == set()
    ground.change(conversations, joined, case_id=four["lin"])
    assert found(front, "web chat", four) == {"lin"}
