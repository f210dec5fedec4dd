"""The seams: what the heart of Yingda needs from channels, engines, skills, members and the record."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from typing import Protocol

from bot.cases import AgentReply, CaseLine, CaseView, Role, Session, StaffMember
from bot.mail import Mail
from bot.membership import Member, MemberKey, Points, Redemption
from bot.messages import (
    Conversation,
    Decision,
    Handshake,
    Inbound,
    Instant,
    Limits,
    Messages,
    Outbound,
    OutboxState,
    RawRequest,
    RawResponse,
    Sent,
    Turn,
    Understanding,
    Utterance,
)
from bot.turns import Accepted, CodeKept, Committed, Delivered, Due, Parcel, TurnCommit, Work


class Clock(Protocol):
    def now(self) -> Instant:
        """Seconds since the epoch, UTC."""
        ...


class Channel(Protocol):
    """One official account on a platform. Bytes and dicts, never a web framework's types."""

    def receive(self, request: RawRequest) -> Handshake | Messages:
        """Verify, decrypt, parse; no input or output. Raises Refused."""
        ...

    def answer(self, request: RawRequest, reply: Outbound | None) -> RawResponse:
        """The passive reply to `request`, or with None the bare acknowledgement."""
        ...

    async def send(self, message: Outbound) -> Sent:
        """Send by the platform's API. Raises DeliveryFailed."""
        ...

    def limits(self, conversation: Conversation, now: Instant) -> Limits:
        """How long a message may be, and whether and how often we may send by ourselves now."""
        ...


class Engine(Protocol):
    def understand(self, utterances: Sequence[Utterance]) -> list[Understanding]:
        """One understanding per utterance, in their order. Raises EngineFailed."""
        ...


class Skill(Protocol):
    """Does something for a customer. Reads only: what it changes travels in the decision."""

    @property
    def intent(self) -> str: ...

    @property
    def time_limit(self) -> float:
        """Seconds; a skill that overruns hands off."""
        ...

    async def respond(self, turn: Turn) -> Decision: ...


class MemberDirectory(Protocol):
    """The brand's member system. Every method raises MemberSystemFailed."""

    async def find(self, key: MemberKey) -> Member | None: ...

    async def member(self, member_id: str) -> Member | None: ...

    async def points(self, member_id: str) -> Points: ...

    async def redeem(self, member_id: str, gift: str, key: str) -> Redemption:
        """Idempotent by `key`."""
        ...


class CodeSender(Protocol):
    async def send(self, phone: str, text: str, key: str) -> None:
        """Send a text message once per `key`. Raises DeliveryFailed."""
        ...


class Intake(Protocol):
    """The record, as those see it who bring messages in."""

    async def accept(self, inbounds: Sequence[Inbound]) -> list[Accepted]:
        """Write receipts and messages durably, all or none; tells for each what is to be done. Raises Unavailable."""
        ...

    async def replied(self, account: str, dedup_key: str) -> Delivered | None:
        """What has become of an accepted message: None while its turn is not committed."""
        ...

    async def offer(self, outbox_id: str, body: bytes) -> bool:
        """Let a repeat's response carry a reply that is not on its way yet; False if it is."""
        ...

    async def written(self, message_ids: Sequence[str]) -> None:
        """Note that the responses to these messages were written to the platform's connections."""
        ...

    async def take_up(self, limit: int) -> list[str]:
        """Conversations with unhandled messages and no living lease; their leases are ours now."""
        ...


class Turns(Protocol):
    """The record, as the journey sees it."""

    async def next(self, conversation_id: str) -> Work | None:
        """The conversation as it is and its oldest unhandled message; None, and the lease given back, if none is."""
        ...

    async def waiting(self, conversation_id: str) -> list[Parcel]:
        """Replies that wait to be fetched, oldest first."""
        ...

    async def commit(self, turns: Sequence[TurnCommit]) -> list[Committed]:
        """Write turns, each only if its conversation still has the version (and owner) it was decided on."""
        ...

    async def queue_length(self) -> int:
        """How many cases wait for a person."""
        ...

    async def notice(self, conversation_id: str, text: str, body: bytes) -> None:
        """Keep what we told the customer about the delivery itself, outside any turn."""
        ...


class Outbox(Protocol):
    """The record, as delivery sees it."""

    async def take(self, limit: int) -> list[Due]:
        """Move rows that are due from pending to sending; oldest first, one in flight per conversation."""
        ...

    async def settle(self, delivered: Sequence[Delivered]) -> None:
        """Write what became of rows that were being sent, or offered."""
        ...

    async def close_offers(self, age: float) -> int:
        """Offered rows that no repeat asked for in `age` seconds: sent if the write was noted, else in doubt."""
        ...

    async def orphans(self, age: float) -> list[Due]:
        """Rows whose sender died: `age` seconds in sending."""
        ...


class Housekeeping(Protocol):
    async def purge(self, receipts_before: Instant, now: Instant) -> int:
        """Receipts, codes and sessions that nobody needs any more; how many."""
        ...


class Editions(Protocol):
    """The record, as those see it who publish and take up editions."""

    async def active(self) -> int:
        """The number of the active edition; 0 before the first."""
        ...

    async def load(self, number: int) -> tuple[str, bytes]:
        """An edition's content (JSON) and trained model. Raises LookupError."""
        ...

    async def publish(self, content: str, model: bytes, by: str, based_on: int) -> int:
        """Write the next edition and make it active if `based_on` still is; its number. Raises Stale."""
        ...


class Codes(Protocol):
    """The record, as linking sees it: one-time codes, hashed, and how often they were tried."""

    async def issued(self, identity_id: str, member_id: str | None, since: Instant) -> int:
        """How many codes were sent to this identity or for this member since then, whichever is more."""
        ...

    async def issue(self, key: str, identity_id: str, member_id: str | None, code_hash: str, until: Instant) -> bool:
        """Keep a code; False if `key` already has one (the effect is being repeated)."""
        ...

    async def current(self, identity_id: str) -> CodeKept | None:
        """The newest unused code of an identity."""
        ...


class Mailbox(Protocol):
    """The record, as those see it who show a customer their own private conversation. Both raise Unavailable."""

    async def read(self, account: str, handle: str, after: int | None) -> Mail:
        """What was said since the line of seq `after`, oldest first; with None the newest that fit."""
        ...

    async def marks(self, boxes: Collection[tuple[str, str]]) -> Mapping[tuple[str, str], str]:
        """For each account and handle a mark that is another one once there is something new to read."""
        ...


class LiveEvents(Protocol):
    """The nerve, as those see it who tell or hear what just happened. May lose events: state is asked for again."""

    async def publish(self, topic: str, data: str) -> None:
        """Tell everybody who listens now; silently nothing when the nerve is gone."""
        ...

    def subscribe(self, topic: str) -> AsyncIterator[str]:
        """What is published from now on; yields '' about every second so that the reader can look for itself."""
        ...


class Leases(Protocol):
    """The nerve, as singletons see it. Without the nerve everybody holds every lease: the record keeps promises."""

    async def hold(self, name: str, seconds: float) -> bool:
        """Take or prolong a lease for this process."""
        ...

    async def release(self, name: str) -> None: ...


class Tokens(Protocol):
    """The nerve, as platform clients see it: one token for all processes, fetched by one at a time."""

    async def get(self, name: str) -> tuple[str, Instant] | None:
        """The token and until when it is good."""
        ...

    async def put(self, name: str, token: str, until: Instant) -> None: ...

    async def drop(self, name: str, token: str) -> None:
        """Forget `token` if it is still the one kept."""
        ...


class Buckets(Protocol):
    """The nerve, as doors see it: how often somebody may knock."""

    async def allow(self, name: str, per_second: float, burst: int) -> bool: ...


class CaseBoard(Protocol):
    """The record, as the desk reads it."""

    async def lines(self) -> list[CaseLine]:
        """Every open case, in the order in which they should be taken."""
        ...

    async def case(self, case_id: str) -> CaseView | None:
        """A case, open or ended, with the whole conversation; None if there is none of that id."""
        ...

    async def pulse(self) -> Instant:
        """When anything last happened, so that a reader without the nerve sees that it should read again."""
        ...


class CaseWork(Protocol):
    """The record, as those see it who move cases. All raise LookupError, Stale, NotAllowed and Unavailable."""

    async def claim(self, case_id: str, by: StaffMember) -> None:
        """Take a waiting case; what the bot was about to say in it is cancelled. Raises AlreadyTaken."""
        ...

    async def release(self, case_id: str, by: StaffMember) -> None:
        """Put a claimed case back into the queue."""
        ...

    async def resolve(self, case_id: str, by: StaffMember) -> None:
        """The case is done; its conversations are closed until the customer writes again."""
        ...

    async def hand_back(self, case_id: str, by: StaffMember) -> None:
        """The case ends and the bot answers again."""
        ...


class CaseTalk(Protocol):
    """The record, as those see it who speak in a case. All raise LookupError, NotAllowed and Unavailable."""

    async def reply(self, case_id: str, by: StaffMember, reply: AgentReply) -> str:
        """Say something to the customer, once per `reply.key`; the message's id. Only the claiming agent may."""
        ...

    async def note(self, case_id: str, by: StaffMember, text: str) -> str:
        """Write something that only staff read; the message's id."""
        ...

    async def send_again(self, case_id: str, outgoing_id: str, by: StaffMember, state: OutboxState) -> None:
        """A person decides that an in-doubt or failed row is sent once more, from `state` (PENDING or WAITING)."""
        ...


class StaffRoom(Protocol):
    """The record, as the door of the desk sees it."""

    async def log_in(self, login: str, password: str) -> tuple[str, Session] | None:
        """A new session and the token for its cookie; None for an unknown login and a wrong password alike."""
        ...

    async def by_session(self, token: str) -> Session | None:
        """Who holds this token, while the session lasts and the person is not disabled."""
        ...

    async def log_out(self, token: str) -> None: ...

    async def add(self, login: str, name: str, role: Role, password: str) -> StaffMember:
        """Raises Stale if the login is already somebody's."""
        ...

    async def everybody(self) -> list[StaffMember]:
        """Everybody who is not disabled, by login."""
        ...
