"""ports.CaseQueries on SQLite and PostgreSQL: what staff see of cases and customers."""

from __future__ import annotations

import asyncio

import pytest
from support.cases import Desk
from support.services import MovableClock

from bot.domain.cases import CaseCounts, CaseState
from bot.domain.messages import Author, Kind, Media, OutboxState, Reason
from bot.stores.sql.schema import cases, conversations, identities

LONG = 36 * 3_600.0


def test_the_agent_sees_the_whole_conversation_on_every_channel(desk: Desk, clock: MovableClock) -> None:
    customer = desk.seeder.customer()
    wechat = desk.seeder.conversation(customer)
    twitter = desk.seeder.conversation(customer, "brand-x", "twitter", thread="1789")
    desk.seeder.hears(wechat, "你好")
    clock.move(60)
    desk.seeder.answers(wechat, "您好！", "small.hello")
    clock.move(60)
    desk.seeder.hears(twitter, "Your app logs me out all the time")
    clock.move(60)
    asked = desk.seeder.hears(wechat, "", Kind.IMAGE, Media("media-1", "jpg"))
    desk.seeder.understood(wechat, asked, ("repair.start", 0.41), ("returns.how", 0.3))
    case = desk.seeder.case(wechat, Reason.MEDIA)
    view = desk.read(case)
    assert [(line.author, line.text) for line in view.said] == [
        (Author.CUSTOMER, "你好"),
        (Author.BOT, "您好！"),
        (Author.CUSTOMER, "Your app logs me out all the time"),
        (Author.CUSTOMER, ""),
    ]
    assert view.said[-1].media == Media("media-1", "jpg")
    assert view.said[1].delivery is OutboxState.SENT
    assert {one.channel for one in view.conversations} == {"wechat", "twitter"}
    assert [one.intent for one in view.traces[0].trace.candidates] == ["repair.start", "returns.how"]


def test_the_agent_sees_nothing_of_other_customers(desk: Desk, talk: str, case: str) -> None:
    stranger = desk.seeder.conversation(desk.seeder.customer("别人"))
    desk.seeder.hears(stranger, "不是给你看的")
    assert [line.text for line in desk.read(case).said] == ["耳机左边没声音了"]


def test_a_member_is_known_only_while_verified(desk: Desk, clock: MovableClock) -> None:
    talk = desk.seeder.conversation(desk.seeder.customer(), verified_as="M1")
    case = desk.seeder.case(talk)
    assert desk.read(case).member_id == "M1"
    clock.move(90000)
    assert desk.read(case).member_id is None


def test_open_cases_are_ordered_by_priority_then_waiting_time(desk: Desk, clock: MovableClock) -> None:
    opened = []
    for priority in (0, 0, 1):
        talk = desk.seeder.conversation(desk.seeder.customer())
        desk.seeder.hears(talk, f"urgency {priority}")
        opened.append(desk.seeder.case(talk, priority=priority))
        clock.move(60)
    lines = asyncio.run(desk.board.lines())
    assert [line.id for line in lines] == [opened[2], opened[0], opened[1]]
    assert lines[0].said == "urgency 1"


def test_the_pulse_moves_with_every_event(desk: Desk, clock: MovableClock, case: str) -> None:
    assert asyncio.run(desk.board.last_change()) == 0
    asyncio.run(desk.cases.claim(case, desk.mei))
    assert asyncio.run(desk.board.last_change()) == clock.now()


def test_ended_cases_are_found_newest_first(desk: Desk, clock: MovableClock) -> None:
    ended = []
    for name in ("林晓", "Grace Miller", "周敏"):
        case = desk.seeder.case(desk.seeder.conversation(desk.seeder.customer(name)))
        clock.move(10)
        asyncio.run(desk.cases.resolve(case, desk.mei))
        ended.append((case, clock.now()))
    desk.seeder.case(desk.seeder.conversation(desk.seeder.customer("还在等")))
    found = asyncio.run(desk.board.search_ended("", 2))
    assert [(line.id, line.ended_at) for line in found] == ended[:0:-1]
    assert {line.state for line in found} == {CaseState.RESOLVED}


@pytest.mark.parametrize("how", ["name", "handle", "id"])
def test_an_ended_case_is_found_by_its_customers_name_or_handle_or_its_id(desk: Desk, how: str) -> None:
    talk = desk.seeder.conversation(desk.seeder.customer("Grace 100% Miller"))
    case = desk.seeder.case(talk)
    other = desk.seeder.case(desk.seeder.conversation(desk.seeder.customer("Grace Hopper")))
    for one in (case, other):
        asyncio.run(desk.cases.resolve(one, desk.mei))
    handle = desk.seeder.row(identities, desk.seeder.row(conversations, talk).identity_id).handle
    search = {"name": "00% mill", "handle": handle[3:].upper(), "id": case}[how]
    assert [line.id for line in asyncio.run(desk.board.search_ended(search, 9))] == [case]
    assert asyncio.run(desk.board.search_ended("_", 9)) == []


def test_a_long_list_is_read_in_part_and_counted_whole(desk: Desk, clock: MovableClock) -> None:
    mine, opened = desk.mei, list[str]()
    for number in range(6):
        talk = desk.seeder.conversation(desk.seeder.customer())
        desk.seeder.hears(talk, f"line {number}")
        opened.append(desk.seeder.case(talk, priority=1 if number == 4 else 0))
        clock.move(60)
    desk.seeder.change(cases, opened[5], agent=mine.id, state="claimed", waiting_since=0.0)
    desk.seeder.change(cases, opened[0], agent="somebody", state="claimed", waiting_since=0.0)
    lines = asyncio.run(desk.board.lines(mine.id, 2))
    assert [line.id for line in lines] == [opened[4], opened[1], opened[5]]
    assert [line.said for line in lines] == ["line 4", "line 1", "line 5"]
    everything = [line.id for line in asyncio.run(desk.board.lines())]
    assert everything == [opened[4], opened[1], opened[2], opened[3], opened[0], opened[5]]
    assert asyncio.run(desk.board.counts(mine.id)) == CaseCounts(4, 1, 6)


def test_an_empty_list_counts_nothing(desk: Desk) -> None:
    assert asyncio.run(desk.board.counts("nobody")) == CaseCounts(0, 0, 0)


@pytest.mark.parametrize("search", ["张丽", "張麗", "\u200b张丽", "ＢＡＢＡ", "baba"])
def test_an_ended_case_is_found_in_either_script_and_width(desk: Desk, search: str) -> None:
    case = desk.seeder.case(desk.seeder.conversation(desk.seeder.customer("張麗 Baba")))
    asyncio.run(desk.cases.resolve(case, desk.mei))
    assert [line.id for line in asyncio.run(desk.board.search_ended(search, 9))] == [case]
