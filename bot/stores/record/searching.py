"""Which cases carry a label that is looked for: the codes that stand behind what the desk shows."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Exists, exists, or_, select

from bot.cases import Sought
from bot.messages import Instant
from bot.stores.record.tables import cases, conversations, identities, messages, staff, traces

MOST_IN_TRACES = 20  # entries that are looked for in what the bot understood: each is a look through its text

_talk = conversations.alias("talk")
_belongs = or_(_talk.c.id == cases.c.conversation_id, _talk.c.case_id == cases.c.id)


def labelled(word: Sought, now: Instant) -> list[ColumnElement[bool]]:
    """The conditions of which one must hold. A member counts only where the person in the case proved who they are."""
    proven = identities.c.member_id.in_(word.members) & (identities.c.verified_until > now)
    found: list[ColumnElement[bool]] = [
        _somebody_has_it(word.text),
        _talking(_talk.c.account.in_(word.accounts)),
        _talking(_talk.c.account.icontains(word.text, autoescape=True)),  # shown where an account has no label
        _talking(_talk.c.channel.in_(word.channels)),
        cases.c.reason.in_(word.reasons),
        cases.c.state.in_(word.states),
        _talking(_talk.c.identity_id.in_(select(identities.c.id).where(proven))),
        *_about(word.entries),
    ]
    if word.public:
        found.append(_talking(_talk.c.thread != ""))
    if word.urgent:
        found.append(cases.c.priority > 0)
    return found


def _talking(so: ColumnElement[bool]) -> Exists:
    return exists(select(_talk.c.id).where(_belongs, so).correlate(cases))


def _somebody_has_it(name: str) -> Exists:
    return exists(
        select(staff.c.id)
        .where(staff.c.id == cases.c.agent, staff.c.name.icontains(name, autoescape=True))
        .correlate(cases)
    )


def _about(entries: frozenset[str]) -> list[ColumnElement[bool]]:
    """What handed the case over, what the bot answered from, and what it thought was meant."""
    if not entries:
        return []
    answered = exists(
        select(messages.c.id)
        .where(messages.c.conversation_id == cases.c.conversation_id, messages.c.entry.in_(entries))
        .correlate(cases)
    )
    thought = [traces.c.trace.contains(f'"intent": "{entry}"', autoescape=True) for entry in sorted(entries)]
    understood = exists(
        select(traces.c.message_id)
        .where(traces.c.conversation_id == cases.c.conversation_id, or_(*thought[:MOST_IN_TRACES]))
        .correlate(cases)
    )
    return [cases.c.entry.in_(entries), answered, understood]
