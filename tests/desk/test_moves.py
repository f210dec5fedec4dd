"""Who may move a case, tried for every role, state and owner."""

from __future__ import annotations

import itertools

import pytest

from bot.cases import CaseState, Role, StaffMember
from bot.desk import moves
from bot.desk.moves import Move, Standing
from bot.errors import AlreadyTaken, NotAllowed, Stale
from bot.messages import OutboxState, Owner

MEI = StaffMember("mei", "mei", "小梅", Role.AGENT)
JUN = StaffMember("jun", "jun", "阿俊", Role.AGENT)
LEAD = StaffMember("lin", "lin", "Lin", Role.LEAD)
EDITOR = StaffMember("ed", "ed", "Ed", Role.EDITOR)
WAITING = Standing(CaseState.WAITING, owners=(Owner.QUEUE,))
MEIS = Standing(CaseState.CLAIMED, "mei", "小梅", (Owner.AGENT,))
RESOLVED = Standing(CaseState.RESOLVED, "mei", "小梅", (Owner.CLOSED,))


def test_a_waiting_case_goes_to_whoever_claims_it() -> None:
    assert moves.claim(WAITING, MEI) == Move(CaseState.CLAIMED, Owner.AGENT, "claimed")


def test_the_loser_of_a_claim_learns_who_won() -> None:
    with pytest.raises(AlreadyTaken) as lost:
        moves.claim(MEIS, JUN)
    assert (lost.value.winner, lost.value.winner_name) == ("mei", "小梅")


@pytest.mark.parametrize("owner", [Owner.BOT, Owner.AGENT, Owner.CLOSED])
def test_nobody_claims_a_conversation_that_is_not_in_the_queue(owner: Owner) -> None:
    with pytest.raises(Stale):
        moves.claim(Standing(CaseState.WAITING, owners=(Owner.QUEUE, owner)), MEI)


@pytest.mark.parametrize(
    ("rule", "owner"), [(moves.resolve, Owner.CLOSED), (moves.hand_back, Owner.BOT), (moves.release, Owner.QUEUE)]
)
def test_a_claimed_case_is_moved_by_its_agent_or_a_lead(rule: type[Move], owner: Owner) -> None:
    for by in (MEI, LEAD):
        assert rule(MEIS, by).owner is owner  # type: ignore[call-arg, arg-type]
    with pytest.raises(NotAllowed, match="not_yours"):
        rule(MEIS, JUN)  # type: ignore[call-arg, arg-type]


def test_a_waiting_case_is_resolved_or_handed_back_by_any_agent_but_not_released() -> None:
    assert moves.resolve(WAITING, JUN).ends
    assert moves.hand_back(WAITING, JUN).ends
    with pytest.raises(Stale):
        moves.release(WAITING, JUN)


@pytest.mark.parametrize("rule", [moves.claim, moves.release, moves.resolve, moves.hand_back])
def test_editors_move_nothing_and_ended_cases_are_not_moved(rule: type[Move]) -> None:
    for standing in (WAITING, MEIS, RESOLVED):
        with pytest.raises(NotAllowed, match="role"):
            rule(standing, EDITOR)  # type: ignore[call-arg, arg-type]
    with pytest.raises((NotAllowed, Stale)):
        rule(RESOLVED, LEAD)  # type: ignore[call-arg, arg-type]


def test_only_the_claiming_agent_speaks_and_only_in_the_cases_own_conversations() -> None:
    moves.reply(MEIS, MEI, "v1", ["v1", "v2"])
    for standing, by in ((WAITING, MEI), (MEIS, JUN), (MEIS, LEAD)):
        with pytest.raises(NotAllowed, match="not_yours"):
            moves.reply(standing, by, "v1", ["v1"])
    with pytest.raises(NotAllowed, match="elsewhere"):
        moves.reply(MEIS, MEI, "v3", ["v1", "v2"])


def test_only_what_is_in_doubt_or_failed_is_sent_again_and_not_by_a_bystander() -> None:
    allowed = []
    for standing, by, state in itertools.product((WAITING, MEIS, RESOLVED), (MEI, JUN), OutboxState):
        try:
            moves.send_again(standing, by, state)
        except NotAllowed:
            continue
        allowed.append((standing.state, by.id, state))
    again = (OutboxState.IN_DOUBT, OutboxState.FAILED)
    assert sorted(allowed) == sorted(
        [(CaseState.WAITING, who, state) for who in ("mei", "jun") for state in again]
        + [(CaseState.CLAIMED, "mei", state) for state in again]
        + [(CaseState.RESOLVED, who, state) for who in ("mei", "jun") for state in again]
    )
