"""Search of open cases by the labels the desk shows: accounts, channels, reasons, states, entries and members."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from bot.domain.cases import CaseSearch
from bot.domain.members import Member
from bot.errors import MemberSystemFailed
from bot.i18n import LANGUAGES, section, translate
from bot.text.folding import search_form
from bot.web.dependencies import SiteParts

MOST_WORDS = 5  # words of a search; further ones are ignored
MOST_ENTRIES = 500  # entries per word, to bound the size of the query
MOST_MEMBERS = 50  # members of open cases that are looked up for one search
CONCURRENT_LOOKUPS = 8  # lookups at the same time
LOOKUP_TIMEOUT = 2.0  # seconds for all lookups; members not found by then are not searched


async def search_terms(text: str, parts: SiteParts) -> list[CaseSearch]:
    """Parse a search: for each word, the codes of everything with a label in either language that has the word."""
    words = text.split()[:MOST_WORDS]
    if not words:
        return []
    members = await _members(parts)
    return [_search_term(word, parts, members) for word in words]


def _search_term(word: str, parts: SiteParts, members: Sequence[Member]) -> CaseSearch:
    plain = search_form(word)
    member_ids = {one.id for one in members if any(_matches(text, plain) for text in _member_texts(one, parts))}
    entries = [_codes(plain, parts.customer.entries(language)) for language in LANGUAGES]
    return CaseSearch(
        word,
        accounts=_codes(plain, parts.branding.accounts),
        channels=_codes_of(plain, "channel"),
        reasons=_codes_of(plain, "reason"),
        states=_codes_of(plain, "state"),
        entries=frozenset(sorted(frozenset().union(*entries))[:MOST_ENTRIES]),
        members=frozenset(member_ids),
        public=_labelled(plain, "desk.list.public"),
        urgent=_labelled(plain, "desk.list.urgent"),
    )


def _member_texts(member: Member, parts: SiteParts) -> list[str]:
    """The texts the desk shows of a verified member, tiers in both languages."""
    tiers = [parts.customer.tier_name(member.tier, language) for language in LANGUAGES]
    return [shown for shown in (member.name, member.number, *tiers) if shown]


async def _members(parts: SiteParts) -> list[Member]:
    """The members of open cases, as far as the member system returns them within LOOKUP_TIMEOUT."""
    few = asyncio.Semaphore(CONCURRENT_LOOKUPS)
    found: list[Member] = []

    async def ask(member_id: str) -> None:
        async with few:
            try:
                member = await parts.customer.member(member_id)
            except MemberSystemFailed:
                return  # their cases are still found by their other labels
            if member:
                found.append(member)

    known = await parts.cases.queries.members(MOST_MEMBERS)
    asked = [asyncio.create_task(ask(member_id)) for member_id in known]
    if asked:
        _, late = await asyncio.wait(asked, timeout=LOOKUP_TIMEOUT)
        for task in late:
            task.cancel()
    return found


def _codes(plain: str, labels: Mapping[str, str]) -> frozenset[str]:
    return frozenset(code for code, label in labels.items() if _matches(label, plain))


def _codes_of(plain: str, family: str) -> frozenset[str]:
    """The codes of a family of the desk's texts, such as `channel`, whose label in either language has the word."""
    return frozenset[str]().union(*(_codes(plain, section(f"desk.{family}", language)) for language in LANGUAGES))


def _labelled(plain: str, key: str) -> bool:
    """Whether the text of this key has the word, in either language."""
    return any(_matches(translate(key, language), plain) for language in LANGUAGES)


def _matches(label: str, plain: str) -> bool:
    """Whether a word of the label begins with `plain`: 'tom' does not find 'customer'. Chinese has no spaces, so there
    any part of the label counts."""
    text = search_form(label)
    at = text.find(plain)
    while at > 0 and plain[0].isascii() and text[at - 1].isascii() and text[at - 1].isalnum():
        at = text.find(plain, at + 1)
    return at >= 0
