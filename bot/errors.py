"""Everything that can go wrong and is worth a decision.

YingdaError
├── SettingError           a file or setting that a person can mend; stops the start (file, line, key, mend)
├── RegressionFailed       what would be published answers questions of tests.yaml wrongly; nothing was published
├── Refused                input that is not ours to serve (status for the platform, code for the counter)
├── DeliveryFailed         a send that did not work (permanent? retry after? ambiguous? until heard?)
├── MemberSystemFailed     the member system did not answer; the journey hands off
├── EngineFailed           an engine did not answer; the journey hands off
│   └── EncoderFailed      an encoder did not answer; the engine asks its spare one, if the edition has one
├── Stale                  what was read has changed since; read again
│   └── AlreadyTaken       somebody else claimed the case first (who)
├── NotAllowed             this member of staff may not do that to this case (code)
└── Unavailable            the record cannot be reached now; nothing was accepted, ask again
"""

from __future__ import annotations

from dataclasses import dataclass


class YingdaError(Exception):
    """The root: anything raised on purpose by Yingda."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing a person wrote wrongly: where it stands, what is wrong, how to mend it. `line` 0 means unknown."""

    file: str
    line: int
    key: str
    wrong: str
    mend: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.key}: {self.wrong}\n    → {self.mend}"


class SettingError(YingdaError):
    """Configuration or content that a person must mend before Yingda can start."""

    def __init__(self, *mistakes: Mistake) -> None:
        self.mistakes = mistakes
        super().__init__("\n".join(str(mistake) for mistake in mistakes))


class RegressionFailed(YingdaError):
    """Questions of the regression file that are answered wrongly, or cannot be asked; nothing was published."""

    def __init__(self, *mistakes: Mistake) -> None:
        self.mistakes = mistakes
        super().__init__("\n".join(str(mistake) for mistake in mistakes))


class Refused(YingdaError):
    """A request that is answered with `status` and stored nowhere. `code` names the counter, never the content."""

    def __init__(self, status: int, code: str) -> None:
        self.status = status
        self.code = code
        super().__init__(f"{status} {code}")


class DeliveryFailed(YingdaError):
    """A message that was not delivered, and what follows from it.

    permanent: never try again. retry_after: seconds to wait before the next try. ambiguous: it may have arrived,
    so only a person may send it again. until_heard: the platform takes no more until the customer writes; what machines
    say waits for that, what people say is theirs to see to. tried: False if it was only put off, which does not count
    as one of its tries. halts: the platform refuses the account and not the message: everything else would meet the
    same, so nothing is sent until that is mended.
    `code` is the platform's own, shown on the desk.
    """

    def __init__(
        self,
        code: str,
        *,
        permanent: bool = False,
        retry_after: float | None = None,
        ambiguous: bool = False,
        until_heard: bool = False,
        tried: bool = True,
        halts: bool = False,
    ) -> None:
        self.code = code
        self.permanent = permanent
        self.retry_after = retry_after
        self.ambiguous = ambiguous
        self.until_heard = until_heard
        self.tried = tried
        self.halts = halts
        super().__init__(code)


class MemberSystemFailed(YingdaError):
    """The member system did not answer, or answered nonsense."""


class EngineFailed(YingdaError):
    """An engine could not understand anything at all just now."""


class EncoderFailed(EngineFailed):
    """An encoder gave no vectors. retry_after: seconds to leave it alone, if it said so; permanent: asking again is
    useless until somebody mends a setting. `code` is for logs and the doctor: never a text, never a key."""

    def __init__(self, code: str, *, retry_after: float | None = None, permanent: bool = False) -> None:
        self.code = code
        self.retry_after = retry_after
        self.permanent = permanent
        super().__init__(code)


class Stale(YingdaError):
    """Somebody else changed what this change was based on; nothing was written."""


class AlreadyTaken(Stale):
    """Somebody else has the case: `winner` is their staff id, `winner_name` what people call them."""

    def __init__(self, winner: str, winner_name: str) -> None:
        self.winner = winner
        self.winner_name = winner_name
        super().__init__(f"already taken by {winner}")


class NotAllowed(YingdaError):
    """Not this person's to do. `code` says why in one word: 'not_yours', 'ended', 'delivered', 'elsewhere', 'role',
    'said_lately'."""

    def __init__(self, code: str) -> None:
        self.code = code
        super().__init__(code)


class Unavailable(YingdaError):
    """The record cannot be reached; nothing was accepted. `code` says how that was noticed, for bot.trouble: never
    what was to be written."""

    def __init__(self, code: str = "") -> None:
        self.code = code
        super().__init__(code)
