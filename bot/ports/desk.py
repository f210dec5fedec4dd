"""Protocols of storage for the desk: cases, staff, audit trail. All methods raise Unavailable."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from bot.domain.accounts import AccountHealth
from bot.domain.cases import (
    MOST_LINES,
    AgentReply,
    AuditEntry,
    CaseCounts,
    CaseLine,
    CaseSearch,
    CaseView,
    Role,
    Session,
    StaffMember,
    UndeliveredMessage,
)
from bot.domain.messages import Instant, OutboxState


class AccountHealthReader(Protocol):
    async def accounts(self, apps: Mapping[str, str]) -> list[AccountHealth]:
        """The health of each account. apps: by account, the app whose rate limits it shares, or ''."""
        ...


class CaseQueries(Protocol):
    """Reads cases."""

    async def lines(self, reader: str = "", limit: int = MOST_LINES) -> list[CaseLine]:
        """Open cases in the order of the queue: all that `reader` has, and the first `limit` of the others."""
        ...

    async def counts(self, reader: str) -> CaseCounts:
        """The numbers of open cases, beyond any limit."""
        ...

    async def case(self, case_id: str) -> CaseView | None:
        """A case, open or ended, with the whole conversation; None for an unknown id."""
        ...

    async def search_ended(self, search: str, limit: int) -> list[CaseLine]:
        """The cases that ended last, newest first. search: part of a customer's name or handle, or the beginning of a
        case's id; '' for all."""
        ...

    async def search_open(self, words: Sequence[CaseSearch], limit: int) -> list[CaseLine]:
        """Open cases that match every one of `words` by a name, a handle, the beginning of their id or a label of the
        desk; in the order of the queue."""
        ...

    async def members(self, limit: int) -> list[str]:
        """Ids of the members that customers of open cases are verified as, newest cases first."""
        ...

    async def last_change(self) -> Instant:
        """When anything last changed: a reader without redis polls it to see whether to read again."""
        ...


class CaseActions(Protocol):
    """Moves cases. All methods raise LookupError, Stale and NotAllowed."""

    async def claim(self, case_id: str, by: StaffMember) -> None:
        """Assign a waiting case to `by`, and cancel the bot's unsent replies in it. Raises AlreadyTaken."""
        ...

    async def release(self, case_id: str, by: StaffMember) -> None:
        """Put a claimed case back into the queue."""
        ...

    async def resolve(self, case_id: str, by: StaffMember) -> None:
        """End the case. Its conversations are closed until the customer writes again."""
        ...

    async def hand_back(self, case_id: str, by: StaffMember) -> None:
        """End the case, and let the bot answer again."""
        ...


class CaseMessaging(Protocol):
    """Writes in cases. All methods raise LookupError and NotAllowed."""

    async def reply(self, case_id: str, by: StaffMember, reply: AgentReply) -> str:
        """Send a text to the customer, once per `reply.key`. Only the agent who has the case may. Returns the message's
        id."""
        ...

    async def note(self, case_id: str, by: StaffMember, text: str) -> str:
        """Write a note for staff. Returns its id."""
        ...

    async def correct(self, case_id: str, by: StaffMember, message_id: str, entry: str) -> None:
        """Record which entry would have answered a message of the customer; '' for none. The last correction counts.
        Also for an ended case. Raises LookupError for a message that is not the customer's, or of another case."""
        ...

    async def send_again(self, case_id: str, outgoing_id: str, by: StaffMember, state: OutboxState) -> None:
        """Send an in-doubt or failed row once more, from `state` (PENDING or WAITING)."""
        ...


class UndeliveredMessages(Protocol):
    """Messages that may not have arrived and belong to no open case.

    The decisions raise LookupError, NotAllowed, and Stale if a case was opened: its page decides then.
    """

    async def undelivered(self, limit: int) -> list[UndeliveredMessage]:
        """The newest `limit`, newest first."""
        ...

    async def find(self, outgoing_id: str) -> UndeliveredMessage | None:
        """One of them, beyond any limit; None if there is none of this id."""
        ...

    async def send_again(self, outgoing_id: str, by: StaffMember, state: OutboxState) -> None:
        """Send it once more, from `state` (PENDING or WAITING)."""
        ...

    async def leave_unsent(self, outgoing_id: str, by: StaffMember) -> None:
        """Leave it as it is, and take it from the list."""
        ...


class AuditTrail(Protocol):
    """What staff did and tried."""

    async def record(self, entries: Sequence[AuditEntry]) -> None: ...

    async def entries(self, since: Instant, login: str = "", limit: int = 10_000) -> list[AuditEntry]:
        """The newest `limit` entries since an instant, in order of time. login: of one member of staff; '' for all."""
        ...


class StaffDirectory(Protocol):
    """Staff and their sessions. Logins are compared in a normal form (bot.access.credentials).

    Passwords are hashed a few at a time, because each takes a core's time and much memory. Whatever would have to wait
    too long raises Refused (429, busy).
    """

    async def log_in(self, login: str, password: str, instead_of: str = "") -> tuple[str, Session] | None:
        """Start a session. Returns the token for its cookie and the session; None for an unknown login as for a wrong
        password. instead_of: the token of the browser's last session, which ends. Raises Refused."""
        ...

    async def id_of(self, login: str) -> str:
        """The id of the member of staff with this login, disabled or not; '' for an unknown login."""
        ...

    async def find_session(self, token: str, active: bool = True) -> Session | None:
        """The session of this token; None if it has ended, was idle for too long, or its member of staff is disabled.
        active: whether a person caused the request, so that the session is not idle."""
        ...

    async def log_out(self, token: str) -> None: ...

    async def change_password(self, token: str, current: str, new: str) -> bool:
        """Change the password of this session's member of staff, and end all their other sessions. False if `current`
        is wrong or the session has ended. Raises Refused."""
        ...

    async def add(self, login: str, name: str, role: Role, password: str) -> StaffMember:
        """Raises Stale if the login is in use."""
        ...

    async def set_role(self, login: str, role: Role) -> None:
        """Change the role, effective at once. Raises LookupError."""
        ...

    async def disable(self, login: str) -> None:
        """End all sessions and refuse this login. Raises LookupError."""
        ...

    async def set_password(self, login: str, password: str) -> None:
        """Set a new password, end all sessions, and allow a disabled login again. Raises LookupError."""
        ...

    async def active_staff(self) -> list[StaffMember]:
        """All staff who are not disabled, by login."""
        ...
