"""What a customer reads of their own conversation: on SQLite and on PostgreSQL."""

from __future__ import annotations

import asyncio

import pytest
from seeding import Ground

from bot.mail import Mail
from bot.messages import Author, Kind, OutboxState, Owner
from bot.stores.record.database import Database
from bot.stores.record.mailbox import AT_ONCE, RecordMailbox
from bot.stores.record.tables import conversations, identities, messages, outbox

BOX = ("shop", "visitor")


@pytest.fixture
def ground(database: Database) -> Ground:
    return Ground(database)


@pytest.fixture
def talk(ground: Ground) -> str:
    talk = ground.conversation(ground.customer(), "shop", "webchat")
    ground.change(identities, ground.row(conversations, talk).identity_id, handle="visitor")
    return talk


def read(database: Database, after: int | None = None) -> Mail:
    return asyncio.run(RecordMailbox(database).read(*BOX, after))


def mark(database: Database) -> str:
    marks = asyncio.run(RecordMailbox(database).marks([BOX, ("shop", "nobody")]))
    return marks[BOX]


def texts(mail: Mail) -> list[str]:
    return [line.text for line in mail.lines]


def test_a_visitor_who_never_wrote_has_nothing_to_read(database: Database) -> None:
    assert read(database) == Mail()
    assert mark(database) == ""


def test_what_was_said_is_read_in_order_without_what_is_not_the_customers(
    database: Database, ground: Ground, talk: str
) -> None:
    ground.hears(talk, "你好")
    ground.answers(talk, "您好", "small.hello")
    ground.hears(talk, "同事才看得到", Kind.NOTE)
    ground.hears(talk, "", Kind.OUTCOME)
    ground.hears(talk, "谢谢")
    mail = read(database)
    assert [(line.seq, line.author, line.text) for line in mail.lines] == [
        (1, Author.CUSTOMER, "你好"),
        (2, Author.BOT, "您好"),
        (5, Author.CUSTOMER, "谢谢"),
    ]
    assert texts(read(database, 2)) == ["谢谢"]


def test_nobody_reads_anothers_lines_nor_a_public_thread(database: Database, ground: Ground, talk: str) -> None:
    other = ground.conversation(ground.customer(), "shop", "webchat")
    public = ground.conversation(ground.customer(), "shop", "webchat", thread="t1")
    ground.hears(other, "not yours")
    ground.change(conversations, public, identity_id=ground.row(conversations, talk).identity_id)
    ground.hears(public, "for all to see")
    ground.hears(talk, "mine")
    assert texts(read(database)) == ["mine"]


def test_a_reply_that_is_still_pending_holds_back_what_was_said_after_it(
    database: Database, ground: Ground, talk: str
) -> None:
    """Else a reader who asks for later than the newest would never get it."""
    ground.hears(talk, "你好")
    row = ground.answers(talk, "您好", "small.hello", OutboxState.PENDING)
    ground.hears(talk, "谢谢")
    before = mark(database)
    assert texts(read(database)) == ["你好"]
    ground.change(outbox, row, state=OutboxState.SENDING.value)
    assert mark(database) != before
    assert texts(read(database, 1)) == ["您好", "谢谢"]


def test_what_a_claim_cancelled_is_never_read(database: Database, ground: Ground, talk: str) -> None:
    ground.hears(talk, "你好")
    ground.answers(talk, "您好", "small.hello", OutboxState.CANCELLED)
    ground.hears(talk, "谢谢")
    assert texts(read(database)) == ["你好", "谢谢"]


def test_a_doubtful_line_is_read_since_the_record_is_the_mailbox(database: Database, ground: Ground, talk: str) -> None:
    ground.answers(talk, "您好", "small.hello", OutboxState.IN_DOUBT)
    assert texts(read(database)) == ["您好"]


def test_the_newest_are_read_first_and_a_backlog_in_portions(database: Database, ground: Ground, talk: str) -> None:
    for number in range(AT_ONCE + 20):
        ground.hears(talk, str(number))
    assert texts(read(database)) == [str(number) for number in range(20, AT_ONCE + 20)]
    first = read(database, 0)
    assert (len(first.lines), first.more) == (AT_ONCE, True)
    rest = read(database, first.lines[-1].seq)
    assert (texts(rest), rest.more) == ([str(number) for number in range(AT_ONCE, AT_ONCE + 20)], False)


def test_the_mark_tells_of_a_new_line_a_new_owner_and_a_turn_under_way(
    database: Database, ground: Ground, talk: str
) -> None:
    marks = [mark(database)]
    ground.hears(talk, "你好")
    marks.append(mark(database))
    ground.change(conversations, talk, handled_seq=0)
    marks.append(mark(database))
    assert read(database).thinking
    ground.change(conversations, talk, owner=Owner.AGENT.value)
    marks.append(mark(database))
    assert read(database).owner is Owner.AGENT
    assert len(set(marks)) == len(marks)


def test_marks_of_hundreds_are_asked_for_together(database: Database, ground: Ground, talk: str) -> None:
    ground.hears(talk, "你好")
    boxes = [("shop", f"v{number}") for number in range(450)] + [BOX]
    marks = asyncio.run(RecordMailbox(database).marks(boxes))
    assert len(marks) == 451
    assert [box for box, one in marks.items() if one] == [BOX]


def test_the_lines_carry_the_key_by_which_a_browser_knows_its_own(
    database: Database, ground: Ground, talk: str
) -> None:
    line = ground.hears(talk, "你好")
    (read_line,) = read(database).lines
    assert read_line.key == ground.row(messages, line).dedup_key
