"""What tests of whole conversations ask of a shop: words of its edition, what was decided, who is a member, a case."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any

from sqlalchemy import Select, select
from support.shop import Shop

from bot.domain.cases import CaseState, StaffMember
from bot.domain.messages import Author
from bot.stores.sql.schema import cases, conversations, customers, events, identities, messages, outbox, traces

ODD = "罐子上的仙鹤为什么往后看"  # a complete question that no entry answers
UNSURE = "公司报账要票，抬头和税号我发给谁"  # may mean OFFERED, of which the bot asks which
OFFERED = ("invoice-request", "invoice-correct")
PERSON, PIECE, RETURNS, HOURS = "转人工", "上周买的龙井", "怎么退货？", "你们几点开门"


def phrase(shop: Shop, name: str, language: str = "zh", /, **values: str | int) -> str:
    return shop.yingda.editions.current().phrase(name, language, **values)


def answer(shop: Shop, entry: str, language: str = "zh") -> str:
    said = shop.yingda.editions.current().answer(entry, language, "fake", shop.clock.now())
    assert said is not None
    return said


def rows(shop: Shop, wanted: Select[Any]) -> list[Any]:
    with shop.database.engine.connect() as connection:
        return list(connection.execute(wanted).all())


def decided(shop: Shop, customer: str) -> dict[str, Any]:
    """The trace of the customer's last turn."""
    theirs = (
        select(traces.c.trace)
        .join(messages, messages.c.id == traces.c.message_id)
        .join(conversations, conversations.c.id == messages.c.conversation_id)
        .join(identities, identities.c.id == conversations.c.identity_id)
        .where(identities.c.handle == customer)
        .order_by(messages.c.at.desc(), messages.c.seq.desc())
        .limit(1)
    )
    ((trace,),) = rows(shop, theirs)
    found: dict[str, Any] = json.loads(trace)
    return found


def language_of(shop: Shop, customer: str) -> str:
    """In which language the conversation is."""
    theirs = select(conversations.c.slots).join(identities, identities.c.id == conversations.c.identity_id)
    ((slots,),) = rows(shop, theirs.where(identities.c.handle == customer))
    return str(json.loads(slots)["language"])


def event_types(shop: Shop, customer: str = "") -> list[str]:
    """What happened, oldest first; in this customer's conversations or in all."""
    asked = select(events.c.type).order_by(events.c.at, events.c.conversation_id, events.c.seq)
    if customer:
        talks = select(conversations.c.id).join(identities, identities.c.id == conversations.c.identity_id)
        asked = asked.where(events.c.conversation_id.in_(talks.where(identities.c.handle == customer)))
    return [row.type for row in rows(shop, asked)]


def open_case(shop: Shop, customer: str) -> str:
    """The id of the customer's open case."""
    (found,) = open_cases(shop, customer)
    return found


def open_cases(shop: Shop, customer: str) -> list[str]:
    theirs = (
        select(cases.c.id)
        .join(identities, identities.c.customer_id == cases.c.customer_id)
        .where(identities.c.handle == customer, cases.c.state.in_([CaseState.WAITING, CaseState.CLAIMED]))
    )
    return [row.id for row in rows(shop, theirs)]


def handed_to(shop: Shop, customer: str, agent: StaffMember, account: str = "tea", thread: str = "") -> str:
    """The customer asks for a person, who claims the case; its id."""
    shop.hears(customer, PERSON, account, thread=thread)
    case = open_case(shop, customer)
    shop.claims(agent, case)
    return case


def swept_by_two_processes_at_once(shop: Shop) -> None:
    """Two processes find the same work due, and each does what it thinks is its own."""
    other = shop.assembled()

    async def together() -> None:
        await other.editions.refresh()
        await asyncio.gather(other.sweeper.sweep(), shop.yingda.sweeper.sweep())
        await asyncio.gather(other.journey.finish(10), shop.yingda.journey.finish(10))

    shop.run(together())
    shop.sweep()
    shop.run(other.close())


def code_texted(shop: Shop) -> str:
    """The code in the newest text message."""
    found = re.search(r"\d{6}", shop.texts.sent[-1].text)
    assert found is not None
    return found.group()


def asked_for_code(shop: Shop, customer: str, number: int = 1, account: str = "tea") -> str:
    """The customer has begun to link themselves as this demo member; the code that they were texted."""
    shop.hears(customer, "查积分", account)
    shop.hears(customer, phone(number), account)
    return code_texted(shop)


def linked(shop: Shop, customer: str, number: int = 1, account: str = "tea") -> None:
    """The customer has proved to be this demo member."""
    shop.hears(customer, asked_for_code(shop, customer, number, account), account)
    assert is_member(shop, customer)


def phone(number: int) -> str:
    return f"138{number:08}"


def is_member(shop: Shop, customer: str) -> bool:
    return any(row.member_id for row in rows(shop, select(identities).where(identities.c.handle == customer)))


def silenced(shop: Shop, customer: str) -> bool:
    return any(row.silenced_at for row in rows(shop, select(identities).where(identities.c.handle == customer)))


def is_known(shop: Shop, customer: str) -> bool:
    return bool(rows(shop, select(identities.c.id).where(identities.c.handle == customer)))


def everything_kept(shop: Shop) -> str:
    """All words and names in the database."""
    columns = (messages.c.text, outbox.c.text, conversations.c.slots, traces.c.trace, customers.c.name)
    return "\n".join(str(row[0]) for column in (*columns, identities.c.handle) for row in rows(shop, select(column)))


def said_by_machine(shop: Shop, customer: str) -> list[tuple[str, str]]:
    """What bot and system have said to the customer, oldest first: author and text."""
    theirs = (
        select(messages.c.author, messages.c.text)
        .join(conversations, conversations.c.id == messages.c.conversation_id)
        .join(identities, identities.c.id == conversations.c.identity_id)
        .where(identities.c.handle == customer, messages.c.author.in_([Author.BOT, Author.SYSTEM]))
        .order_by(messages.c.conversation_id, messages.c.seq)
    )
    return [tuple(row) for row in rows(shop, theirs)]
