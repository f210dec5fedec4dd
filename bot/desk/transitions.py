"""Who may move a case from one state to another, and who owns its conversations afterwards.

Functions raise NotAllowed with a code for a person without the right, and Stale if the case has moved meanwhile.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from bot.domain.cases import AuditAction, CaseState, Role, StaffMember
from bot.domain.messages import OutboxState, Owner
from bot.errors import AlreadyTaken, NotAllowed, Stale

OPEN = (CaseState.WAITING, CaseState.CLAIMED)
WORKERS = (Role.AGENT, Role.LEAD, Role.ADMIN)  # roles that work on cases
_OVERRULERS = (Role.LEAD, Role.ADMIN)  # roles that may move colleagues' cases
_RESENDABLE = (OutboxState.IN_DOUBT, OutboxState.FAILED)


@dataclass(frozen=True, slots=True)
class CaseStatus:
    """The state of a case, read while its row is locked."""

    state: CaseState
    agent: str | None = None  # staff id of the agent who has claimed it
    agent_name: str = ""
    owners: tuple[Owner, ...] = ()  # of its conversations


@dataclass(frozen=True, slots=True)
class CaseTransition:
    """The new state of a case and of its conversations."""

    state: CaseState
    owner: Owner  # of every conversation of the case
    event: AuditAction | Literal["cancelled"]  # also the type of the event that is recorded

    @property
    def ends(self) -> bool:
        return self.state not in OPEN


def claim(case: CaseStatus, by: StaffMember) -> CaseTransition:
    """queue → agent. Raises AlreadyTaken if an agent has claimed it, Stale if it has ended or left the queue."""
    _must_work(by)
    if case.state is CaseState.CLAIMED:
        raise AlreadyTaken(case.agent or "", case.agent_name)
    if case.state is not CaseState.WAITING or any(owner is not Owner.QUEUE for owner in case.owners):
        raise Stale("the case is no longer in the queue")
    return CaseTransition(CaseState.CLAIMED, Owner.AGENT, "claimed")


def release(case: CaseStatus, by: StaffMember) -> CaseTransition:
    """agent → queue, by the claiming agent or a lead."""
    _must_work(by)
    _must_be_open(case)
    if case.state is not CaseState.CLAIMED:
        raise Stale("the case is not claimed")
    _must_hold(case, by)
    return timed_out()


def timed_out() -> CaseTransition:
    """agent → queue, automatically after the agent's silence (desk.release_after_minutes)."""
    return CaseTransition(CaseState.WAITING, Owner.QUEUE, "released")


def resolve(case: CaseStatus, by: StaffMember) -> CaseTransition:
    """any → closed. Any agent may resolve a waiting case; only the claiming agent or a lead a claimed one."""
    _must_end(case, by)
    return CaseTransition(CaseState.RESOLVED, Owner.CLOSED, "resolved")


def hand_back(case: CaseStatus, by: StaffMember) -> CaseTransition:
    """agent | queue → bot, with the same rights as `resolve`."""
    _must_end(case, by)
    return CaseTransition(CaseState.RETURNED, Owner.BOT, "returned_to_bot")


def cancel(case: CaseStatus) -> CaseTransition:
    """queue → bot: the customer needs no person any more. Raises Stale for a case that is claimed or has ended."""
    if case.state is not CaseState.WAITING:
        raise Stale("the case is no longer in the queue")
    return CaseTransition(CaseState.WITHDRAWN, Owner.BOT, "cancelled")


def reply(case: CaseStatus, by: StaffMember, conversation: str, joined: Sequence[str]) -> None:
    """Only the claiming agent may write to the customer, and only in conversations of the case (`joined`)."""
    _must_work(by)
    _must_be_open(case)
    if case.state is not CaseState.CLAIMED or case.agent != by.id:
        raise NotAllowed("not_yours")
    if conversation not in joined:
        raise NotAllowed("elsewhere")


def note(by: StaffMember) -> None:
    """Any agent may add a note to any case, also to an ended one."""
    _must_work(by)


def correct(by: StaffMember) -> None:
    """Any agent may name the entry that would have answered, in any case, also in an ended one."""
    _must_work(by)


def send_again(case: CaseStatus, by: StaffMember, state: OutboxState) -> None:
    """Any agent may send an in-doubt or failed message again, unless a colleague has claimed the case."""
    decide(by, state)
    if case.state is CaseState.CLAIMED:
        _must_hold(case, by)


def decide(by: StaffMember, state: OutboxState) -> None:
    """Any agent may decide whether an in-doubt or failed message is sent again or left."""
    _must_work(by)
    if state not in _RESENDABLE:
        raise NotAllowed("delivered")


def _must_end(case: CaseStatus, by: StaffMember) -> None:
    _must_work(by)
    _must_be_open(case)
    if case.state is CaseState.CLAIMED:
        _must_hold(case, by)


def _must_work(by: StaffMember) -> None:
    if by.role not in WORKERS:
        raise NotAllowed("role")


def _must_be_open(case: CaseStatus) -> None:
    if case.state not in OPEN:
        raise NotAllowed("ended")


def _must_hold(case: CaseStatus, by: StaffMember) -> None:
    if case.agent != by.id and by.role not in _OVERRULERS:
        raise NotAllowed("not_yours")
