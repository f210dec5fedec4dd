"""Who may move a case, tried for every role, state and owner."""

from __future__ import annotations

import itertools

import pytest

from bot.desk import transitions
from bot.desk.transitions import CaseStatus, CaseTransition
from bot.domain.cases import CaseState, Role, StaffMember
from bot.domain.messages import OutboxState, Owner
from bot.errors import AlreadyTaken, NotAllowed, Stale

MEI = StaffMember("mei", "mei", "小梅", Role.AGENT)
JUN = StaffMember("jun", "jun", "阿俊", Role.AGENT)
LEAD = StaffMember("lin", "lin", "Lin", Role.LEAD)
EDITOR = StaffMember("ed", "ed", "Ed", Role.EDITOR)
WAITING = CaseStatus(CaseState.WAITING, owners=(Owner.QUEUE,))
MEIS = CaseStatus(CaseState.CLAIMED, "mei", "小梅", (Owner.AGENT,))
RESOLVED = CaseStatus(CaseState.RESOLVED, "mei", "小梅", (Owner.CLOSED,))


def test_a_waiting_case_goes_to_whoever_claims_it() -> None:
    assert transitions.claim(WAITING, MEI) == CaseTransition(CaseState.CLAIMED, Owner.AGENT, "claimed")


def test_a_late_claim_names_the_agent_who_has_the_case() -> None:
    with pytest.raises(AlreadyTaken) as lost:
        transitions.claim(MEIS, JUN)
    assert (lost.value.winner, lost.value.winner_name) == ("mei", "小梅")


@pytest.mark.parametrize("owner", [Owner.BOT, Owner.AGENT, Owner.CLOSED])
def test_a_conversation_outside_the_queue_cannot_be_claimed(owner: Owner) -> None:
    with pytest.raises(Stale):
        transitions.claim(CaseStatus(CaseState.WAITING, owners=(Owner.QUEUE, owner)), MEI)


@pytest.mark.parametrize(
    ("rule", "owner"),
    [(transitions.resolve, Owner.CLOSED), (transitions.hand_back, Owner.BOT), (transitions.release, Owner.QUEUE)],
)
def test_a_claimed_case_is_moved_by_its_agent_or_a_lead(rule: type[CaseTransition], owner: Owner) -> None:
    for by in (MEI, LEAD):
        assert rule(MEIS, by).owner is owner  # type: ignore[call-arg, arg-type]
    with pytest.raises(NotAllowed, match="not_yours"):
        rule(MEIS, JUN)  # type: ignore[call-arg, arg-type]


def test_a_waiting_case_is_resolved_or_handed_back_by_any_agent_but_not_released() -> None:
    assert transitions.resolve(WAITING, JUN).ends
    assert transitions.hand_back(WAITING, JUN).ends
    with pytest.raises(Stale):
        transitions.release(WAITING, JUN)


@pytest.mark.parametrize("rule", [transitions.claim, transitions.release, transitions.resolve, transitions.hand_back])
def test_editors_move_no_case_and_ended_cases_are_not_moved(rule: type[CaseTransition]) -> None:
    for standing in (WAITING, MEIS, RESOLVED):
        with pytest.raises(NotAllowed, match="role"):
            rule(standing, EDITOR)  # type: ignore[call-arg, arg-type]
    with pytest.raises((NotAllowed, Stale)):
        rule(RESOLVED, LEAD)  # type: ignore[call-arg, arg-type]


def test_only_the_claiming_agent_speaks_and_only_in_the_cases_own_conversations() -> None:
    transitions.reply(MEIS, MEI, "v1", ["v1", "v2"])
    for standing, by in ((WAITING, MEI), (MEIS, JUN), (MEIS, LEAD)):
        with pytest.raises(NotAllowed, match="not_yours"):
            transitions.reply(standing, by, "v1", ["v1"])
    with pytest.raises(NotAllowed, match="elsewhere"):
        transitions.reply(MEIS, MEI, "v3", ["v1", "v2"])


def test_only_failed_or_doubtful_messages_are_sent_again_and_not_in_a_colleagues_case() -> None:
    allowed = []
    for standing, by, state in itertools.product((WAITING, MEIS, RESOLVED), (MEI, JUN), OutboxState):
        try:
            transitions.send_again(standing, by, state)
        except NotAllowed:
            continue
        allowed.append((standing.state, by.id, state))
    again = (OutboxState.IN_DOUBT, OutboxState.FAILED)
    assert sorted(allowed) == sorted(
        [(CaseState.WAITING, who, state) for who in ("mei", "jun") for state in again]
        + [(CaseState.CLAIMED, "mei", state) for state in again]
        + [(CaseState.RESOLVED, who, state) for who in ("mei", "jun") for state in again]
    )
