"""From a decision to the turn to write: who owns the conversation, what is said, and how it travels.

`compose` is pure. What it needs besides the decision is in its `DeliveryContext`, which `ContextReader` reads before.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from bot.desk.queue import HandoffNotice, HandoffPhrases
from bot.domain.decisions import Answer, Ask, Decision, HandOff, Quiet, has_change
from bot.domain.messages import NOWHERE, Audience, Author, Conversation, Limits, OutboxState, Owner, Reason
from bot.domain.turns import (
    ClaimedMessage,
    Event,
    NewCase,
    PublicPostGuard,
    QueuedReply,
    Reply,
    TurnCommit,
    cancels_unsaid,
)
from bot.intents.adjustments import WITH_A_PERSON
from bot.intents.dialogue import DecisionResult
from bot.ports.channels import Channel, Clock
from bot.ports.storage import Turns
from bot.text import Unit, cut, measure

# Types in the event log, by decision and by change.
_EVENTS = {Answer: "answered", Ask: "asked", HandOff: "handed_off", Quiet: "quiet"}
_CHANGES = {
    "verify_identity": "verified",
    "forget": "erased",
    "erase": "erased",
    "unlink": "unlinked",
    "silence": "opted_out",
    "cancel_case": "cancelled",
}
_ROOM_FOR_HINT = 200  # units kept free in a response for the phrase `fetch.more`, which says how to get the rest


@dataclass(frozen=True, slots=True)
class DeliveryContext:
    """How replies can leave now, and what has to be read for that before a turn is composed."""

    limits: Limits
    response_open: bool  # a response is claimed for this turn
    queued: Sequence[QueuedReply] = ()  # earlier replies that can travel in it, oldest first
    posted: Collection[str] = ()  # texts posted in public too recently to be posted again
    notice: HandoffNotice | None = None  # about the handoff


class ComposedTurn(NamedTuple):
    """A turn ready to be written."""

    commit: TurnCommit
    response: str | None  # the text of the open response; None to only acknowledge


class ContextReader:
    """Reads the context of a turn: from its channel, and from the database where the turn can use it."""

    def __init__(self, turns: Turns, channels: Mapping[str, Channel], phrases: HandoffPhrases, clock: Clock) -> None:
        self._turns = turns
        self._channels = channels
        self._phrases = phrases
        self._clock = clock

    def limits(self, conversation: Conversation) -> Limits:
        """What the conversation's channel can carry now: nothing if its account is no longer configured."""
        channel = self._channels.get(conversation.account)
        return channel.limits(conversation, self._clock.now()) if channel else NOWHERE

    async def read(self, claimed: ClaimedMessage, result: DecisionResult, *, response_open: bool) -> DeliveryContext:
        """Most turns need no query. Raises Unavailable."""
        conversation, limits = claimed.conversation, self.limits(claimed.conversation)
        notice = await self._notice(claimed, result)
        earlier = response_open and (conversation.waiting or claimed.replies_ahead)
        queued = await self._turns.waiting_replies(conversation.id) if earlier else ()
        if cancels_unsaid(result.decision.changes):
            queued = [reply for reply in queued if reply.by_staff]
        same_after = limits.posting_rules.same_after
        texts = public_texts(claimed, result, limits, notice) if same_after else ()
        posted = await self._turns.recently_posted(conversation.account, texts, same_after) if texts else ()
        return DeliveryContext(limits, response_open, queued, posted, notice)

    async def _notice(self, claimed: ClaimedMessage, result: DecisionResult) -> HandoffNotice | None:
        """The notice when a case opens, or when the customer writes again in private while waiting for an agent. None
        for the author of an overheard post, who did not speak to us."""
        conversation, decision, now = claimed.conversation, result.decision, self._clock.now()
        if conversation.overheard:
            return None
        words = result.edition, result.language
        if isinstance(decision, HandOff):
            queue = await self._turns.queue(decision.priority, self._phrases.counts_since(now))
            return self._phrases.opening(*words, queue, now, public=conversation.public)
        asks = bool(claimed.message.text.strip()) and isinstance(decision, Quiet) and decision.why == WITH_A_PERSON.why
        waits = asks and conversation.in_queue and not conversation.public and not conversation.still_waiting_said
        if waits and (case_id := conversation.case_id or conversation.customer_case):
            return self._phrases.still_waiting(*words, await self._turns.place(case_id), now)
        return None


def compose(claimed: ClaimedMessage, result: DecisionResult, context: DeliveryContext) -> ComposedTurn:
    """Everything that a decision changes and says, as one turn to write. Pure."""
    decision, conversation = result.decision, claimed.conversation
    replies = _replies(claimed, result, context)
    divided = _divide(replies, context, result)
    commit = TurnCommit(
        conversation,
        claimed.message,
        owner=_owner(claimed, result),
        by_bot=_speaks(result),
        trace=result.trace,
        replies=divided.replies,
        slots=_slots(claimed, result),
        effects=decision.effects,
        changes=decision.changes,
        events=tuple(_events(claimed, result)),
        case=_case(claimed, result, context.notice),
        prompt_in=decision.prompt_in,
        joins_case=conversation.customer_case if _joins(claimed, result) else None,
        fetched=divided.fetched,
        still_waiting_said=isinstance(decision, Quiet) and context.notice is not None,
        releases_waiting=bool(conversation.waiting) and context.limits.active and conversation.owner is not Owner.AGENT,
        post_guard=_guard(claimed, context, replies),
    )
    return ComposedTurn(commit, divided.response)


def _owner(claimed: ClaimedMessage, result: DecisionResult) -> Owner:
    decision, owner = result.decision, claimed.conversation.owner
    if isinstance(decision, HandOff):
        return Owner.QUEUE
    if not _speaks(result):
        return Owner.CLOSED if _forgets(decision) else owner
    waits = owner is Owner.QUEUE and not has_change(decision.changes, "cancel_case")
    return Owner.QUEUE if waits else Owner.BOT


def _speaks(result: DecisionResult) -> bool:
    """Whether the bot itself says something. What the system confirms leaves the owner as it is."""
    decision = result.decision
    return not isinstance(decision, Quiet) and not (isinstance(decision, Answer) and decision.author is Author.SYSTEM)


def _joins(claimed: ClaimedMessage, result: DecisionResult) -> bool:
    return claimed.conversation.joins and not has_change(result.decision.changes, "cancel_case")


def _slots(claimed: ClaimedMessage, result: DecisionResult) -> Mapping[str, Any]:
    """The conversation's slots after the turn."""
    decision = result.decision
    if decision.slots and not _forgets(decision):
        return {**decision.slots, "language": result.language}
    if not isinstance(decision, Quiet):
        return {"language": result.language}
    if has_change(decision.changes, "silence"):  # a skill that was asking something is over, too
        return {"language": result.language}
    return {} if _forgets(decision) else claimed.conversation.slots


def _forgets(decision: Decision) -> bool:
    return has_change(decision.changes, "forget", "erase")


def public_texts(
    claimed: ClaimedMessage, result: DecisionResult, limits: Limits, notice: HandoffNotice | None
) -> tuple[str, ...]:
    """All texts that this turn could post in a public thread, best first.

    First the wordings of its reply, if it may be public and as far as they fit; then those of "we answer privately".
    """
    wordings = _wordings(result, notice)
    if not wordings or not claimed.conversation.public:
        return ()
    return (*_public_wordings(wordings, claimed, result, limits), *_invitations(claimed, result, limits))


def _public_wordings(wordings: list[str], claimed: ClaimedMessage, result: DecisionResult, limits: Limits) -> list[str]:
    """The wordings that may be public and fit, best first; of a notice about a handoff one more, with the customer's
    name: "we answer privately" would not be true of it."""
    decision = result.decision
    if isinstance(decision, Answer | Ask) and decision.audience is Audience.PRIVATE:
        return []
    short = [wording for wording in wordings if _fits([wording], limits.length, limits.unit)]
    if not limits.posting_rules.same_after:
        return short
    rotated = _rotated(short, claimed)
    if not isinstance(decision, HandOff):
        return rotated
    return [wording for wording in _with_name(rotated, claimed) if _fits([wording], limits.length, limits.unit)]


def _wordings(result: DecisionResult, notice: HandoffNotice | None) -> list[str]:
    """All wordings of what the turn says: the notice about the handoff, after an editor's words if the decision has
    some; else the bot's answer. Empty if it says nothing."""
    decision = result.decision
    if notice is not None:
        first = f"{decision.text}\n\n" if isinstance(decision, HandOff) and decision.text else ""
        return [first + wording for wording in notice.wordings]
    if isinstance(decision, Answer):
        return [decision.text, *decision.variants]
    return [decision.text] if isinstance(decision, Ask) else []


def _rotated(wordings: list[str], claimed: ClaimedMessage) -> list[str]:
    """The wordings, started at one that depends on the message's id: two customers who ask the same at the same moment
    get different ones, where the platform refuses a text that was just posted."""
    first = sum(claimed.message.id.encode()) % max(len(wordings), 1)
    return wordings[first:] + wordings[:first]


def _invitations(claimed: ClaimedMessage, result: DecisionResult, limits: Limits) -> list[str]:
    """The wordings of "we answer privately", with the link to where the customer can write to us, if there is one."""
    if not limits.posting_rules.link:
        return [result.edition.phrase("private.moved", result.language)]
    phrase = result.edition.phrase("private.invited", result.language, link=limits.posting_rules.link)
    return _with_name(_rotated([line for line in phrase.splitlines() if line.strip()], claimed), claimed)


def _with_name(wordings: list[str], claimed: ClaimedMessage) -> list[str]:
    """The wordings, and a last one that mentions the customer by name, so that it is new in any case."""
    name = claimed.message.data.get("username", "")
    return [*wordings, f"@{name} {wordings[0]}"] if name and wordings else wordings


def _replies(claimed: ClaimedMessage, result: DecisionResult, context: DeliveryContext) -> list[Reply]:
    """What the turn says, in full length, and where: at most one text in a public thread, the rest privately."""
    reply, rules = _reply(result, context.notice), context.limits.posting_rules
    if reply is None or claimed.conversation.overheard:
        return []
    privacy_note = ""
    if rules.privacy_policy:
        privacy_note = "\n\n" + result.edition.phrase("private.policy", result.language, link=rules.privacy_policy)
    if not claimed.conversation.public:
        first = claimed.message.seq == 1
        return [replace(reply, text=reply.text + privacy_note) if first else reply]
    texts = public_texts(claimed, result, context.limits, context.notice)
    public = next((text for text in texts if text not in context.posted), None)
    if public and public not in _invitations(claimed, result, context.limits):
        return [replace(reply, text=public)]
    private = replace(reply, text=reply.text + privacy_note, same_thread=False, asked_first=rules.asked_first)
    return [Reply(public, reply.author), private] if public else [private]


def _guard(claimed: ClaimedMessage, context: DeliveryContext, replies: Sequence[Reply]) -> PublicPostGuard | None:
    """Makes the commit fail if the text has been posted since the context was read; None where repeats are allowed."""
    same_after = context.limits.posting_rules.same_after
    if not claimed.conversation.public or not same_after:
        return None
    return next((PublicPostGuard(reply.text, same_after) for reply in replies if reply.same_thread), None)


def _reply(result: DecisionResult, notice: HandoffNotice | None) -> Reply | None:
    """What the turn says, in its first wording; None if it says nothing."""
    decision, text = result.decision, next(iter(_wordings(result, notice)), "")
    if notice is not None:
        return Reply(text, Author.SYSTEM, result.trace.entry)
    if not isinstance(decision, Answer | Ask):
        return None
    author = decision.author if isinstance(decision, Answer) else Author.BOT
    return Reply(text, author, decision.entry, decision.confidence)


@dataclass(frozen=True, slots=True)
class _Divided:
    replies: tuple[Reply, ...]  # rows for the outbox; one in state OFFERED travels in the response
    fetched: tuple[str, ...] = ()  # ids of earlier replies that travel in the response
    response: str | None = None  # the response's text


def _divide(replies: Sequence[Reply], context: DeliveryContext, result: DecisionResult) -> _Divided:
    """Cut replies to the platform's length, and divide them between the open response and the outbox.

    The response takes the earlier replies first and then the first new piece, so that the customer reads them in order.
    """
    room, later = _room(context.limits), _later(context.limits)
    elsewhere = [replace(reply, state=later) for reply in replies if not reply.same_thread]
    pieces = [piece for reply in replies if reply.same_thread for piece in pieces_of(reply, context.limits)]
    if not context.response_open:
        return _Divided((*pieces, *elsewhere))
    fetched = _fitting(context.queued, room, context.limits.unit)
    texts = [reply.text for reply in fetched]
    all_fetched = len(fetched) == len(context.queued)
    offered = all_fetched and bool(pieces) and _fits([*texts, pieces[0].text], room, context.limits.unit)
    if offered:
        texts.append(pieces[0].text)
        pieces[0] = replace(pieces[0], state=OutboxState.OFFERED)
    left = len(context.queued) - len(fetched) + len(pieces) - offered
    if left and not context.limits.active:
        texts.append(result.edition.phrase("fetch.more", result.language))
    return _Divided((*pieces, *elsewhere), tuple(reply.id for reply in fetched), "\n\n".join(texts) or None)


def pieces_of(reply: Reply, limits: Limits) -> list[Reply]:
    """A reply cut to the platform's length, to be sent without the response to a message."""
    texts = cut(reply.text, _room(limits), limits.unit)
    return [replace(reply, text=text, state=_later(limits)) for text in texts]


def _later(limits: Limits) -> OutboxState:
    return OutboxState.PENDING if limits.active else OutboxState.WAITING


def _room(limits: Limits) -> int:
    return limits.length - (0 if limits.active else _ROOM_FOR_HINT)


def _fitting(queued: Sequence[QueuedReply], room: int, unit: Unit) -> list[QueuedReply]:
    """As many queued replies as fit into one message, oldest first."""
    fitting: list[QueuedReply] = []
    for reply in queued:
        if not _fits([*(one.text for one in fitting), reply.text], room, unit):
            break
        fitting.append(reply)
    return fitting


def _fits(texts: Sequence[str], room: int, unit: Unit) -> bool:
    return measure("\n\n".join(texts), unit) <= room


def _case(claimed: ClaimedMessage, result: DecisionResult, notice: HandoffNotice | None) -> NewCase | None:
    decision = result.decision
    if not isinstance(decision, HandOff):
        return None
    return NewCase(
        decision.reason,
        decision.priority,
        decision.detail,
        decision.entry,
        prefer=claimed.conversation.resolved_by if decision.reason is Reason.REOPENED else None,
        waits=not claimed.conversation.overheard,
        place=notice.place if notice else 0,
        promised_until=notice.promised_until if notice else 0.0,
    )


def _why(result: DecisionResult) -> dict[str, str]:
    """The data of a turn's event: the reason of a handoff or of silence, or the further entries of an answer."""
    decision, trace = result.decision, result.trace
    if trace.reason:
        return {"reason": trace.reason}
    if isinstance(decision, Quiet):
        return {"why": trace.detail}
    return {"also": " ".join(decision.more_entries)} if isinstance(decision, Answer) and decision.more_entries else {}


def _events(claimed: ClaimedMessage, result: DecisionResult) -> list[Event]:
    """The turn's lines in the event log. `verified` is a customer's consent to hear of their membership here, and
    `unlinked` its end, so both name the edition whose words they agreed to."""
    decision, trace = result.decision, result.trace
    events = []
    if claimed.conversation.owner is Owner.CLOSED and _speaks(result):
        events.append(Event("reopened", "customer"))
    if _joins(claimed, result):
        events.append(Event("joined", "system"))
    why = _why(result)
    confidence = None if isinstance(decision, Quiet) else decision.confidence
    events.append(Event(_EVENTS[type(decision)], "bot", trace.edition, trace.entry, confidence, why))
    changed = (_CHANGES[one.name] for one in decision.changes if one.name in _CHANGES)
    events += [Event(what, "customer", trace.edition, trace.entry) for what in changed]
    return events
