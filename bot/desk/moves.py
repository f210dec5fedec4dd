"""Who may move a case, and where that puts its conversations (DESIGN, section 1: the owner and who moves it)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bot.cases import CaseState, Role, StaffMember
from bot.errors import AlreadyTaken, NotAllowed, Stale
from bot.messages import OutboxState, Owner

OPEN = (CaseState.WAITING, CaseState.CLAIMED)
WORKERS = (Role.AGENT, Role.LEAD, Role.ADMIN)
_OVERRULERS = (Role.LEAD, Role.ADMIN)
_SENDABLE_AGAIN = (OutboxState.IN_DOUBT, OutboxState.FAILED)


@dataclass(frozen=True, slots=True)
class Standing:
    """A case as it stands, read under its lock: its state, who has it, and who owns its conversations."""

    state: CaseState
    agent: str | None = None
    agent_name: str = ""
    owners: tuple[Owner, ...] = ()


@dataclass(frozen=True, slots=True)
class Move:
    """Where a case and its conversations go, and the event that tells of it."""

    state: CaseState
    owner: Owner
    event: str

    @property
    def ends(self) -> bool:
        return self.state not in OPEN


def claim(case: Standing, by: StaffMember) -> Move:
    """queue → agent. Raises AlreadyTaken when somebody has it, Stale when it has ended or is not in the queue."""
    _must_work(by)
    if case.state is CaseState.CLAIMED:
        raise AlreadyTaken(case.agent or "", case.agent_name)
    if case.state is not CaseState.WAITING or any(owner is not Owner.QUEUE for owner in case.owners):
        raise Stale("the case does not wait any more")
    return Move(CaseState.CLAIMED, Owner.AGENT, "claimed")


def release(case: Standing, by: StaffMember) -> Move:
    """agent → queue: by whoever has it, or a lead."""
    _must_work(by)
    _must_be_open(case)
    if case.state is not CaseState.CLAIMED:
        raise Stale("nobody has the case")
    _must_have(case, by)
    return timed_out()


def timed_out() -> Move:
    """agent → queue: nobody's decision, the agent was silent too long."""
    return Move(CaseState.WAITING, Owner.QUEUE, "released")


def resolve(case: Standing, by: StaffMember) -> Move:
    """any → closed. A waiting case may be resolved by any agent, a claimed one by whoever has it, or a lead."""
    _must_end(case, by)
    return Move(CaseState.RESOLVED, Owner.CLOSED, "resolved")


def hand_back(case: Standing, by: StaffMember) -> Move:
    """agent | queue → bot, by the same people as `resolve`."""
    _must_end(case, by)
    return Move(CaseState.RETURNED, Owner.BOT, "returned_to_bot")


def reply(case: Standing, by: StaffMember, conversation: str, joined: Sequence[str]) -> None:
    """Only whoever claimed the case speaks to the customer, and only in the case's own conversations."""
    _must_work(by)
    _must_be_open(case)
    if case.state is not CaseState.CLAIMED or case.agent != by.id:
        raise NotAllowed("not_yours")
    if conversation not in joined:
        raise NotAllowed("elsewhere")


def note(by: StaffMember) -> None:
    """Whoever works cases may note something on any of them, ended ones too."""
    _must_work(by)


def correct(by: StaffMember) -> None:
    """Whoever works cases may say which entry would have answered, on any of them, ended ones too."""
    _must_work(by)


def send_again(case: Standing, by: StaffMember, state: OutboxState) -> None:
    """A person may send an in-doubt or failed message again, unless the case is somebody else's."""
    decide(by, state)
    if case.state is CaseState.CLAIMED:
        _must_have(case, by)


def decide(by: StaffMember, state: OutboxState) -> None:
    """Whoever works cases may decide what becomes of a message that is in doubt or failed: send again, or leave it."""
    _must_work(by)
    if state not in _SENDABLE_AGAIN:
        raise NotAllowed("delivered")


def _must_end(case: Standing, by: StaffMember) -> None:
    _must_work(by)
    _must_be_open(case)
    if case.state is CaseState.CLAIMED:
        _must_have(case, by)


def _must_work(by: StaffMember) -> None:
    if by.role not in WORKERS:
        raise NotAllowed("role")


def _must_be_open(case: Standing) -> None:
    if case.state not in OPEN:
        raise NotAllowed("ended")


def _must_have(case: Standing, by: StaffMember) -> None:
    if case.agent != by.id and by.role not in _OVERRULERS:
        raise NotAllowed("not_yours")
