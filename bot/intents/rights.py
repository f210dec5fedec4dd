"""What a customer may always have done, in a case and outside one: stop, unlink, erase; and what an unfollow means.

Each is confirmed once, by the system: an agent's claim does not cancel that.
"""

from __future__ import annotations

from bot.domain.decisions import OPTED_OUT, Answer, Change, Decision, Quiet
from bot.domain.messages import Audience, Author, Kind
from bot.intents.opt_out import wants_opt_out
from bot.intents.sayings import calls_off, says_no, says_yes, wants_erasure, wants_unlink
from bot.intents.turn import DialogueTurn

_YES_WITHIN = 600.0  # seconds after the question whether to erase
_ERASE_AFTER = 1.5  # seconds for the confirmation to leave: after that we do not know where to send it
_CONFIRMED = "confirmed"


def exercised_right(turn: DialogueTurn) -> Decision | None:
    if turn.message.kind is Kind.UNFOLLOW:
        return Quiet("unfollowed", changes=(Change("forget", {"mode": turn.message.data.get("mode", "erase")}),))
    if turn.slots.get("erase") == _CONFIRMED:  # also if the customer writes before the time is over
        return Quiet("erased", changes=(Change("erase"),))
    if not turn.has_words:
        return None
    text = turn.message.text
    if wants_opt_out(text):
        return _stop(turn)
    if wants_unlink(text) and turn.conversation.identity.member_id is not None:
        return _confirmed(turn, "link.unlinked", "link", Change("unlink"))
    return _erase(turn, text)


def _stop(turn: DialogueTurn) -> Decision:
    if turn.conversation.public or turn.conversation.identity.silenced_at:  # nobody asked for one more message
        return Quiet(OPTED_OUT, changes=(Change("silence"),))
    return _confirmed(turn, "rights.stopped", OPTED_OUT, Change("silence"))


def _erase(turn: DialogueTurn, text: str) -> Decision | None:
    """Erasing cannot be undone, so it is asked once."""
    asked = turn.slots.get("erase")
    if asked is not None and turn.now - float(asked) < _YES_WITHIN:
        kept = {name: value for name, value in turn.slots.items() if name != "erase"}
        if says_yes(text):
            words = turn.edition.phrase("rights.erased", turn.language)
            slots = {"erase": _CONFIRMED}
            return Answer(words, entry="rights.erased", author=Author.SYSTEM, slots=slots, prompt_in=_ERASE_AFTER)
        if says_no(text) or calls_off(text):
            words = turn.edition.phrase("rights.kept", turn.language)
            return Answer(words, entry="rights.kept", author=Author.SYSTEM, slots=kept)
    if not wants_erasure(text):
        return None
    words = turn.edition.phrase("rights.erase", turn.language)
    return Answer(words, entry="rights.erase", author=Author.SYSTEM, slots={**turn.slots, "erase": turn.now})


def _confirmed(turn: DialogueTurn, phrase: str, entry: str, change: Change) -> Decision:
    words = turn.edition.phrase(phrase, turn.language)
    return Answer(words, entry=entry, audience=Audience.PRIVATE, author=Author.SYSTEM, changes=(change,))
