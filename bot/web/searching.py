"""Looking for open cases by what is shown of them: the labels of accounts, channels, reasons, entries and members."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from bot.cases import Sought
from bot.errors import MemberSystemFailed
from bot.folding import read_plainly
from bot.membership import Member
from bot.web.parts import SiteParts
from bot.web.words import LANGUAGES, WORDS

MOST_WORDS = 5
MOST_ENTRIES = 500
MOST_MEMBERS = 50  # that are asked for at once, a few at a time
PATIENCE = 2.0


async def sought(text: str, parts: SiteParts) -> list[Sought]:
    """Each word with the codes of everything that is called so in either language."""
    words = text.split()[:MOST_WORDS]
    if not words:
        return []
    members = await _members(parts)
    return [_sought(word, parts, members) for word in words]


def _sought(word: str, parts: SiteParts, members: Sequence[Member]) -> Sought:
    plain = read_plainly(word)
    theirs = {one.id for one in members if any(_says(shown, plain) for shown in _shown(one, parts))}
    entries = [_called(plain, parts.customer.entries(language)) for language in LANGUAGES]
    return Sought(
        word,
        accounts=_called(plain, parts.place.accounts),
        channels=_coded(plain, "channel."),
        reasons=_coded(plain, "reason."),
        states=_coded(plain, "state."),
        entries=frozenset(sorted(frozenset().union(*entries))[:MOST_ENTRIES]),
        members=frozenset(theirs),
        public=bool(_coded(plain, "list.public")),
        urgent=bool(_coded(plain, "list.urgent")),
    )


def _shown(member: Member, parts: SiteParts) -> list[str]:
    """What the desk shows of a member who proved who they are."""
    tiers = [parts.customer.tier_name(member.tier, language) for language in LANGUAGES]
    return [shown for shown in (member.name, member.number, *tiers) if shown]


async def _members(parts: SiteParts) -> list[Member]:
    """Those of the open cases, as far as the member system tells in time."""
    few = asyncio.Semaphore(8)
    found: list[Member] = []

    async def ask(member_id: str) -> None:
        async with few:
            try:
                member = await parts.customer.member(member_id)
            except MemberSystemFailed:
                return  # the cases are found by what else they show
            if member:
                found.append(member)

    known = await parts.cases.board.members(MOST_MEMBERS)
    asked = [asyncio.create_task(ask(member_id)) for member_id in known]
    if asked:
        _, late = await asyncio.wait(asked, timeout=PATIENCE)
        for task in late:
            task.cancel()
    return found


def _called(plain: str, labels: Mapping[str, str]) -> frozenset[str]:
    return frozenset(code for code, label in labels.items() if _says(label, plain))


def _coded(plain: str, family: str) -> frozenset[str]:
    """The codes of a family of the desk's words, such as `channel.`, whose words in either language hold it."""
    ours = ((key, said) for words in WORDS.values() for key, said in words.items() if key.startswith(family))
    return frozenset(key.removeprefix(family) or family for key, said in ours if _says(said, plain))


def _says(label: str, plain: str) -> bool:
    """Whether a word of a label begins so, for 'tom' is not meant by 'customer'; in Chinese any part of it."""
    text = read_plainly(label)
    at = text.find(plain)
    while at > 0 and plain[0].isascii() and text[at - 1].isascii() and text[at - 1].isalnum():
        at = text.find(plain, at + 1)
    return at >= 0
