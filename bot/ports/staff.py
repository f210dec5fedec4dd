"""The record, as the desk and its people see it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from bot.cases import (
    MOST_LINES,
    AgentReply,
    CaseCounts,
    CaseLine,
    CaseView,
    Deed,
    Role,
    Session,
    Sought,
    StaffMember,
    Stray,
)
from bot.health import AccountHealth
from bot.messages import Instant, OutboxState


class HealthRoom(Protocol):
    async def accounts(self, holders: Mapping[str, str]) -> list[AccountHealth]:
        """How each account fares; `holders` names the app whose limits an account shares, or ''. Raises Unavailable."""
        ...


class CaseBoard(Protocol):
    """The record, as the desk reads it."""

    async def lines(self, reader: str = "", limit: int = MOST_LINES) -> list[CaseLine]:
        """Open cases in the order in which they should be taken: those that `reader` has, and of the others the first
        `limit`."""
        ...

    async def counts(self, reader: str) -> CaseCounts:
        """How many cases are open, however few of them are read."""
        ...

    async def case(self, case_id: str) -> CaseView | None:
        """A case, open or ended, with the whole conversation; None if there is none of that id."""
        ...

    async def ended(self, search: str, limit: int) -> list[CaseLine]:
        """The cases that ended last, newest first. `search` '': all; else part of a customer's name or handle, or the
        beginning of a case's id."""
        ...

    async def open_with(self, words: Sequence[Sought], limit: int) -> list[CaseLine]:
        """Open cases that every one of `words` finds, by a name, a handle, the beginning of their id or a label that
        the desk shows; in the order in which they should be taken."""
        ...

    async def members(self, limit: int) -> list[str]:
        """The ids of the members who proved who they are in open cases, the newest cases first."""
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

    async def correct(self, case_id: str, by: StaffMember, message_id: str, entry: str) -> None:
        """Say which entry would have answered what the customer wrote in a message of the case; '' for none. The last
        word holds. Also on an ended case. Raises LookupError for a message that is not the customer's words here."""
        ...

    async def send_again(self, case_id: str, outgoing_id: str, by: StaffMember, state: OutboxState) -> None:
        """A person decides that an in-doubt or failed row is sent once more, from `state` (PENDING or WAITING)."""
        ...


class Strays(Protocol):
    """The record, as those see it who decide on messages that may not have arrived and belong to no open case.

    The decisions raise LookupError, NotAllowed, Unavailable, and Stale if a case was opened meanwhile: decide there.
    """

    async def undelivered(self, limit: int) -> list[Stray]:
        """The newest first."""
        ...

    async def stray(self, outgoing_id: str) -> Stray | None:
        """One of them, however many are newer."""
        ...

    async def send_again(self, outgoing_id: str, by: StaffMember, state: OutboxState) -> None:
        """Once more, from `state` (PENDING or WAITING)."""
        ...

    async def leave(self, outgoing_id: str, by: StaffMember) -> None:
        """It stays as it is and nobody is asked again."""
        ...


class AuditTrail(Protocol):
    """The record, as those see it who have to answer for what staff did. Raises Unavailable."""

    async def note(self, deeds: Sequence[Deed]) -> None: ...

    async def deeds(self, since: Instant, login: str = "", limit: int = 10_000) -> list[Deed]:
        """The newest `limit` since an instant, in order of time; with `login` that person's alone."""
        ...


class StaffRoom(Protocol):
    """The record, as the door of the desk sees it. A login is the same however it is written (bot.logins).

    Passwords are verified and hashed a few at a time; who would have to wait too long hears Refused, 429 `busy`.
    """

    async def log_in(self, login: str, password: str, instead_of: str = "") -> tuple[str, Session] | None:
        """A new session and the token for its cookie; None for an unknown login and a wrong password alike.
        instead_of: the token of the session that ends with it, the browser's last. Raises Refused."""
        ...

    async def id_of(self, login: str) -> str:
        """Whose login it is, disabled or not; '' for nobody's."""
        ...

    async def by_session(self, token: str, active: bool = True) -> Session | None:
        """Who holds this token, while the session lasts, has not been idle for too long, and the person is not
        disabled. active: whether they do something just now, which keeps the session from growing idle."""
        ...

    async def log_out(self, token: str) -> None: ...

    async def change_password(self, token: str, current: str, new: str) -> bool:
        """The holder of this session chooses a new password; all their other sessions end. False if `current` is
        wrong or the session has ended. Raises Refused."""
        ...

    async def add(self, login: str, name: str, role: Role, password: str) -> StaffMember:
        """Raises Stale if the login is already somebody's."""
        ...

    async def give_role(self, login: str, role: Role) -> None:
        """From now on they may do what this role may. Raises LookupError."""
        ...

    async def disable(self, login: str) -> None:
        """They are out at once, and their login lets nobody in. Raises LookupError."""
        ...

    async def give_password(self, login: str, password: str) -> None:
        """A new password, with which whoever was disabled may come in again; who is logged in with the old one is out.
        Raises LookupError."""
        ...

    async def everybody(self) -> list[StaffMember]:
        """Everybody who is not disabled, by login."""
        ...
