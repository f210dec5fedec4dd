"""CaseBoard, CaseWork and CaseTalk on every record."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest
from argon2 import PasswordHasher
from ground import MovableClock
from seeding import Ground

from bot.cases import AgentReply, CaseState, CaseView, Role, StaffMember
from bot.errors import AlreadyTaken, NotAllowed, Stale, YingdaError
from bot.messages import Author, Kind, Media, OutboxState, Reason
from bot.stores.record.board import Board
from bot.stores.record.cases import Cases
from bot.stores.record.database import Database
from bot.stores.record.staff import Staff
from bot.stores.record.tables import cases, conversations, customers, messages, outbox


@dataclass
class Desk:
    ground: Ground
    cases: Cases
    board: Board
    mei: StaffMember
    jun: StaffMember
    lead: StaffMember
    editor: StaffMember

    def read(self, case: str) -> CaseView:
        view = asyncio.run(self.board.case(case))
        assert view is not None
        return view


@pytest.fixture
def desk(database: Database) -> Desk:
    staff = Staff(database, 12, PasswordHasher(time_cost=1, memory_cost=64))

    async def hired() -> list[StaffMember]:
        people = [("mei", "小梅", Role.AGENT), ("jun", "阿俊", Role.AGENT), ("lead", "Lin", Role.LEAD)]
        everybody = [*people, ("ed", "Ed", Role.EDITOR)]
        return [await staff.add(login, name, role, "correct horse") for login, name, role in everybody]

    return Desk(Ground(database), Cases(database), Board(database), *asyncio.run(hired()))


@pytest.fixture
def talk(desk: Desk) -> str:
    talk = desk.ground.conversation(desk.ground.customer())
    desk.ground.hears(talk, "耳机左边没声音了")
    return talk


@pytest.fixture
def case(desk: Desk, talk: str) -> str:
    return desk.ground.case(talk)


def answer(text: str = "您好，我来帮您看看。", key: str = "draft-1", **more: str) -> AgentReply:
    return AgentReply(text, (text,), key, **more)  # type: ignore[arg-type]


def test_a_claim_gives_the_conversation_to_the_agent(desk: Desk, talk: str, case: str) -> None:
    asyncio.run(desk.cases.claim(case, desk.mei))
    conversation = desk.ground.row(conversations, talk)
    assert (conversation.owner, conversation.agent, conversation.version) == ("agent", desk.mei.id, 1)
    line = desk.read(case).line
    assert (line.state, line.agent, line.agent_name) == (CaseState.CLAIMED, desk.mei.id, "小梅")
    assert desk.ground.history(talk) == [(1, "claimed", desk.mei.id)]


def test_of_many_agents_who_claim_at_once_one_wins_and_the_others_learn_who(desk: Desk, talk: str, case: str) -> None:
    async def rush() -> list[BaseException | None]:
        claims = (desk.cases.claim(case, by) for by in (desk.mei, desk.jun, desk.lead) * 2)
        return list(await asyncio.gather(*claims, return_exceptions=True))

    came_of_it = asyncio.run(rush())
    winner = desk.read(case).line.agent
    losers = [one for one in came_of_it if isinstance(one, AlreadyTaken)]
    assert came_of_it.count(None) == 1
    assert [one.winner for one in losers] == [winner] * 5
    assert desk.ground.row(conversations, talk).version == 1


def test_the_bots_pending_reply_is_cancelled_by_the_claim(desk: Desk, talk: str) -> None:
    pending = desk.ground.answers(talk, "稍等", "small.wait", OutboxState.PENDING)
    on_its_way = desk.ground.answers(talk, "您好", "small.hello", OutboxState.SENDING)
    asyncio.run(desk.cases.claim(desk.ground.case(talk), desk.mei))
    assert desk.ground.row(outbox, pending).state == "cancelled"
    assert desk.ground.row(outbox, on_its_way).state == "sending"


def test_a_claim_leaves_the_bots_replies_to_other_customers_alone(desk: Desk, case: str) -> None:
    other = desk.ground.conversation(desk.ground.customer("别人"))
    pending = desk.ground.answers(other, "您好", "small.hello", OutboxState.PENDING)
    asyncio.run(desk.cases.claim(case, desk.mei))
    assert desk.ground.row(outbox, pending).state == "pending"


def test_a_conversation_that_the_bot_still_owns_cannot_be_claimed(desk: Desk, talk: str, case: str) -> None:
    desk.ground.change(conversations, talk, owner="bot")
    with pytest.raises(Stale):
        asyncio.run(desk.cases.claim(case, desk.mei))
    assert desk.read(case).line.state is CaseState.WAITING


def test_a_claim_takes_every_conversation_that_joined_the_case(desk: Desk) -> None:
    customer = desk.ground.customer()
    first = desk.ground.conversation(customer)
    second = desk.ground.conversation(customer, "brand-x", "twitter")
    case = desk.ground.case(first)
    desk.ground.joins(second, case)
    asyncio.run(desk.cases.claim(case, desk.mei))
    assert [desk.ground.row(conversations, one).owner for one in (first, second)] == ["agent", "agent"]
    assert desk.ground.row(customers, customer).case_id == case
    assert desk.read(case).joined == (first, second)


def test_while_only_a_public_thread_is_claimed_private_messages_do_not_join(desk: Desk) -> None:
    customer = desk.ground.customer()
    public = desk.ground.conversation(customer, "brand-x", "twitter", thread="1789")
    asyncio.run(desk.cases.claim(desk.ground.case(public), desk.mei))
    assert desk.ground.row(customers, customer).case_id is None


def test_a_released_case_waits_again_and_somebody_else_can_claim_it(desk: Desk, talk: str, case: str) -> None:
    asyncio.run(desk.cases.claim(case, desk.mei))
    asyncio.run(desk.cases.release(case, desk.mei))
    assert desk.ground.row(conversations, talk).owner == "queue"
    asyncio.run(desk.cases.claim(case, desk.jun))
    assert desk.read(case).line.agent == desk.jun.id
    assert [event for _, event, _ in desk.ground.history(talk)] == ["claimed", "released", "claimed"]


@pytest.mark.parametrize("move", ["release", "resolve", "hand_back"])
def test_a_claimed_case_is_moved_by_its_agent_or_a_lead_but_by_no_other_agent(desk: Desk, case: str, move: str) -> None:
    asyncio.run(desk.cases.claim(case, desk.mei))
    with pytest.raises(NotAllowed, match="not_yours"):
        asyncio.run(getattr(desk.cases, move)(case, desk.jun))
    asyncio.run(getattr(desk.cases, move)(case, desk.lead))
    assert desk.read(case).line.state is not CaseState.CLAIMED


def test_an_editor_moves_no_case(desk: Desk, case: str) -> None:
    for move in (desk.cases.claim, desk.cases.resolve, desk.cases.hand_back):
        with pytest.raises(NotAllowed, match="role"):
            asyncio.run(move(case, desk.editor))


def test_an_agents_reply_is_written_and_waits_for_delivery(
    desk: Desk, clock: MovableClock, talk: str, case: str
) -> None:
    asyncio.run(desk.cases.claim(case, desk.mei))
    clock.move(30)
    said = asyncio.run(desk.cases.reply(case, desk.mei, AgentReply("一二", ("一", "二"), "k")))
    message = desk.ground.row(messages, said)
    assert (message.author, message.by, message.seq, message.text) == ("agent", desk.mei.id, 2, "一二")
    parcels = desk.ground.rows(outbox, message_id=said)
    assert [(row.text, row.state, row.author) for row in parcels] == [
        ("一", "pending", "agent"),
        ("二", "pending", "agent"),
    ]
    line = desk.ground.row(cases, case)
    assert (line.waiting_since, line.agent_at) == (0, clock.now())
    assert desk.ground.history(talk)[-1] == (2, "replied", desk.mei.id)


def test_a_reply_that_the_browser_sends_twice_is_said_once(desk: Desk, case: str) -> None:
    asyncio.run(desk.cases.claim(case, desk.mei))

    async def twice() -> list[str]:
        return list(await asyncio.gather(*(desk.cases.reply(case, desk.mei, answer()) for _ in range(2))))

    first, second = asyncio.run(twice())
    assert first == second
    assert len(desk.ground.rows(outbox, author="agent")) == 1


def test_a_reply_that_is_to_be_fetched_waits_with_the_conversation(desk: Desk, talk: str, case: str) -> None:
    asyncio.run(desk.cases.claim(case, desk.mei))
    asyncio.run(desk.cases.reply(case, desk.mei, AgentReply("好的", ("好的",), "k", OutboxState.WAITING)))
    assert desk.ground.row(conversations, talk).waiting == 1
    assert desk.ground.rows(outbox, conversation_id=talk)[0].state == "waiting"


def test_a_reply_goes_where_the_customer_spoke_last_unless_the_agent_says_otherwise(
    desk: Desk, clock: MovableClock
) -> None:
    customer = desk.ground.customer()
    first = desk.ground.conversation(customer)
    second = desk.ground.conversation(customer, "brand-x", "twitter")
    desk.ground.hears(first, "在吗")
    case = desk.ground.case(first)
    desk.ground.joins(second, case)
    clock.move(5)
    desk.ground.hears(second, "hello?")
    asyncio.run(desk.cases.claim(case, desk.mei))
    by_default = asyncio.run(desk.cases.reply(case, desk.mei, answer(key="a")))
    as_told = asyncio.run(desk.cases.reply(case, desk.mei, answer(key="b", conversation_id=first)))
    assert desk.ground.row(messages, by_default).conversation_id == second
    assert desk.ground.row(messages, as_told).conversation_id == first


def test_only_whoever_claimed_the_case_speaks_to_the_customer(desk: Desk, case: str) -> None:
    with pytest.raises(NotAllowed, match="not_yours"):
        asyncio.run(desk.cases.reply(case, desk.mei, answer()))
    asyncio.run(desk.cases.claim(case, desk.mei))
    for somebody in (desk.jun, desk.lead):
        with pytest.raises(NotAllowed, match="not_yours"):
            asyncio.run(desk.cases.reply(case, somebody, answer()))
    stranger = desk.ground.conversation(desk.ground.customer("别人"))
    with pytest.raises(NotAllowed, match="elsewhere"):
        asyncio.run(desk.cases.reply(case, desk.mei, answer(conversation_id=stranger)))
    assert desk.ground.rows(outbox) == []


def test_a_note_is_read_by_staff_and_sent_to_nobody(desk: Desk, talk: str, case: str) -> None:
    asyncio.run(desk.cases.note(case, desk.jun, "她上周也来过"))
    noted = desk.read(case).said[-1]
    assert (noted.kind, noted.text, noted.by) == (Kind.NOTE, "她上周也来过", desk.jun.id)
    assert desk.ground.rows(outbox) == []
    assert desk.ground.history(talk) == [(1, "noted", desk.jun.id)]


def test_a_resolved_case_closes_its_conversations_and_remembers_who_did_it(
    desk: Desk, clock: MovableClock, talk: str, case: str
) -> None:
    asyncio.run(desk.cases.claim(case, desk.mei))
    clock.move(60)
    asyncio.run(desk.cases.resolve(case, desk.mei))
    closed = desk.ground.row(conversations, talk)
    assert (closed.owner, closed.resolved_by, closed.resolved_at) == ("closed", desk.mei.id, clock.now())
    assert (closed.agent, closed.case_id) == (None, None)
    ended = desk.ground.row(cases, case)
    assert (ended.state, ended.agent, ended.ended_at) == ("resolved", desk.mei.id, clock.now())
    assert desk.ground.row(customers, ended.customer_id).case_id is None
    assert asyncio.run(desk.board.lines()) == []


def test_what_was_handed_back_is_the_bots_again(desk: Desk, talk: str, case: str) -> None:
    asyncio.run(desk.cases.claim(case, desk.mei))
    asyncio.run(desk.cases.hand_back(case, desk.mei))
    assert desk.ground.row(conversations, talk).owner == "bot"
    assert desk.read(case).line.state is CaseState.RETURNED
    assert desk.ground.history(talk)[-1] == (2, "returned_to_bot", desk.mei.id)


def test_an_ended_case_is_moved_no_more(desk: Desk, case: str) -> None:
    asyncio.run(desk.cases.resolve(case, desk.mei))
    refused: list[type[YingdaError]] = []
    for move in (desk.cases.claim, desk.cases.release, desk.cases.resolve, desk.cases.hand_back):
        with pytest.raises((NotAllowed, Stale)) as refusal:
            asyncio.run(move(case, desk.mei))
        refused.append(refusal.type)
    assert refused == [Stale, NotAllowed, NotAllowed, NotAllowed]


def test_a_case_that_never_was_is_not_found(desk: Desk) -> None:
    assert asyncio.run(desk.board.case("nothing")) is None
    with pytest.raises(LookupError):
        asyncio.run(desk.cases.claim("nothing", desk.mei))


def test_a_silent_agents_case_goes_back_to_the_queue(desk: Desk, clock: MovableClock, talk: str, case: str) -> None:
    asyncio.run(desk.cases.claim(case, desk.mei))
    clock.move(900)
    assert asyncio.run(desk.cases.release_silent(clock.now() - 901)) == []
    assert asyncio.run(desk.cases.release_silent(clock.now() - 899)) == [case]
    assert desk.ground.row(conversations, talk).owner == "queue"
    assert desk.ground.history(talk)[-1] == (2, "released", "system")
    assert asyncio.run(desk.cases.release_silent(clock.now() + 1)) == []


def test_an_agent_whose_customer_waits_for_nothing_keeps_the_case(
    desk: Desk, clock: MovableClock, talk: str, case: str
) -> None:
    asyncio.run(desk.cases.claim(case, desk.mei))
    asyncio.run(desk.cases.reply(case, desk.mei, answer()))
    clock.move(3600)
    assert asyncio.run(desk.cases.release_silent(clock.now() - 900)) == []
    desk.ground.hears(talk, "还在吗")
    clock.move(60)
    assert asyncio.run(desk.cases.release_silent(clock.now() - 900)) == []


@pytest.mark.parametrize("state", [OutboxState.IN_DOUBT, OutboxState.FAILED])
def test_a_person_may_send_again_what_is_in_doubt_or_failed(desk: Desk, talk: str, state: OutboxState) -> None:
    row = desk.ground.answers(talk, "您的快递明天到", "delivery.when", state)
    case = desk.ground.case(talk)
    assert desk.read(case).said[-1].delivery is state
    asyncio.run(desk.cases.send_again(case, row, desk.mei, OutboxState.PENDING))
    again = desk.ground.row(outbox, row)
    assert (again.state, again.attempts, again.author) == ("pending", 0, "agent")
    assert desk.ground.history(talk) == [(1, "resent", desk.mei.id)]


def test_what_arrived_is_not_sent_again(desk: Desk, talk: str) -> None:
    row = desk.ground.answers(talk, "您好", "small.hello", OutboxState.SENT)
    case = desk.ground.case(talk)
    with pytest.raises(NotAllowed, match="delivered"):
        asyncio.run(desk.cases.send_again(case, row, desk.mei, OutboxState.PENDING))
    assert desk.ground.row(outbox, row).state == "sent"


def test_another_agents_message_is_not_sent_again(desk: Desk, talk: str) -> None:
    row = desk.ground.answers(talk, "您好", "small.hello", OutboxState.FAILED)
    case = desk.ground.case(talk)
    asyncio.run(desk.cases.claim(case, desk.mei))
    with pytest.raises(NotAllowed, match="not_yours"):
        asyncio.run(desk.cases.send_again(case, row, desk.jun, OutboxState.PENDING))


def test_the_agent_sees_the_whole_conversation_on_every_channel(desk: Desk, clock: MovableClock) -> None:
    customer = desk.ground.customer()
    wechat = desk.ground.conversation(customer)
    twitter = desk.ground.conversation(customer, "brand-x", "twitter", thread="1789")
    desk.ground.hears(wechat, "你好")
    clock.move(60)
    desk.ground.answers(wechat, "您好！", "small.hello")
    clock.move(60)
    desk.ground.hears(twitter, "Your app logs me out all the time")
    clock.move(60)
    asked = desk.ground.hears(wechat, "", Kind.IMAGE, Media("media-1", "jpg"))
    desk.ground.understood(wechat, asked, ("repair.start", 0.41), ("returns.how", 0.3))
    case = desk.ground.case(wechat, Reason.MEDIA)
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
    stranger = desk.ground.conversation(desk.ground.customer("别人"))
    desk.ground.hears(stranger, "不是给你看的")
    assert [line.text for line in desk.read(case).said] == ["耳机左边没声音了"]


def test_a_member_is_known_only_while_verified(desk: Desk, clock: MovableClock) -> None:
    talk = desk.ground.conversation(desk.ground.customer(), verified_as="M1")
    case = desk.ground.case(talk)
    assert desk.read(case).member_id == "M1"
    clock.move(90000)
    assert desk.read(case).member_id is None


def test_the_list_is_the_order_of_urgency_then_waiting(desk: Desk, clock: MovableClock) -> None:
    opened = []
    for priority in (0, 0, 1):
        talk = desk.ground.conversation(desk.ground.customer())
        desk.ground.hears(talk, f"urgency {priority}")
        opened.append(desk.ground.case(talk, priority=priority))
        clock.move(60)
    lines = asyncio.run(desk.board.lines())
    assert [line.id for line in lines] == [opened[2], opened[0], opened[1]]
    assert lines[0].said == "urgency 1"


def test_the_pulse_moves_when_anything_happens(desk: Desk, clock: MovableClock, case: str) -> None:
    assert asyncio.run(desk.board.pulse()) == 0
    asyncio.run(desk.cases.claim(case, desk.mei))
    assert asyncio.run(desk.board.pulse()) == clock.now()
