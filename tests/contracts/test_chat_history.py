"""A customer's own chat history, on SQLite and PostgreSQL."""

from __future__ import annotations

import asyncio

import pytest
from support.conversations import Seeder

from bot.domain.messages import Author, ChatHistory, Kind, OutboxState, Owner
from bot.stores.sql.conversations import PAGE, SqlChatHistory
from bot.stores.sql.database import Database
from bot.stores.sql.schema import conversations, identities, messages, outbox

BOX = ("shop", "visitor")


@pytest.fixture
def seeder(database: Database) -> Seeder:
    return Seeder(database)


@pytest.fixture
def talk(seeder: Seeder) -> str:
    talk = seeder.conversation(seeder.customer(), "shop", "webchat")
    seeder.change(identities, seeder.row(conversations, talk).identity_id, handle="visitor")
    return talk


def read(database: Database, after: int | None = None) -> ChatHistory:
    return asyncio.run(SqlChatHistory(database).read(*BOX, after))


def mark(database: Database) -> str:
    marks = asyncio.run(SqlChatHistory(database).versions([BOX, ("shop", "nobody")]))
    return marks[BOX]


def texts(mail: ChatHistory) -> list[str]:
    return [line.text for line in mail.lines]


def test_a_visitor_who_never_wrote_has_nothing_to_read(database: Database) -> None:
    assert read(database) == ChatHistory()
    assert mark(database) == ""


def test_a_chat_is_read_in_order_without_internal_notes(database: Database, seeder: Seeder, talk: str) -> None:
    seeder.hears(talk, "你好")
    seeder.answers(talk, "您好", "small.hello")
    seeder.hears(talk, "同事才看得到", Kind.NOTE)
    seeder.hears(talk, "", Kind.OUTCOME)
    seeder.hears(talk, "谢谢")
    mail = read(database)
    assert [(line.seq, line.author, line.text) for line in mail.lines] == [
        (1, Author.CUSTOMER, "你好"),
        (2, Author.BOT, "您好"),
        (5, Author.CUSTOMER, "谢谢"),
    ]
    assert texts(read(database, 2)) == ["谢谢"]


def test_a_chat_holds_neither_other_customers_lines_nor_public_threads(
    database: Database, seeder: Seeder, talk: str
) -> None:
    other = seeder.conversation(seeder.customer(), "shop", "webchat")
    public = seeder.conversation(seeder.customer(), "shop", "webchat", thread="t1")
    seeder.hears(other, "not yours")
    seeder.change(conversations, public, identity_id=seeder.row(conversations, talk).identity_id)
    seeder.hears(public, "for all to see")
    seeder.hears(talk, "mine")
    assert texts(read(database)) == ["mine"]


def test_a_pending_reply_hides_later_lines(database: Database, seeder: Seeder, talk: str) -> None:
    """Else a reader who asks for later than the newest would never get it."""
    seeder.hears(talk, "你好")
    row = seeder.answers(talk, "您好", "small.hello", OutboxState.PENDING)
    seeder.hears(talk, "谢谢")
    before = mark(database)
    assert texts(read(database)) == ["你好"]
    seeder.change(outbox, row, state=OutboxState.SENDING.value)
    assert mark(database) != before
    assert texts(read(database, 1)) == ["您好", "谢谢"]


def test_a_reply_cancelled_by_a_claim_is_never_read(database: Database, seeder: Seeder, talk: str) -> None:
    seeder.hears(talk, "你好")
    seeder.answers(talk, "您好", "small.hello", OutboxState.CANCELLED)
    seeder.hears(talk, "谢谢")
    assert texts(read(database)) == ["你好", "谢谢"]


def test_a_reply_in_doubt_is_read_because_the_chat_comes_from_the_database(
    database: Database, seeder: Seeder, talk: str
) -> None:
    seeder.answers(talk, "您好", "small.hello", OutboxState.IN_DOUBT)
    assert texts(read(database)) == ["您好"]


def test_the_first_read_gets_the_newest_lines_and_later_reads_get_pages(
    database: Database, seeder: Seeder, talk: str
) -> None:
    for number in range(PAGE + 20):
        seeder.hears(talk, str(number))
    assert texts(read(database)) == [str(number) for number in range(20, PAGE + 20)]
    first = read(database, 0)
    assert (len(first.lines), first.more) == (PAGE, True)
    rest = read(database, first.lines[-1].seq)
    assert (texts(rest), rest.more) == ([str(number) for number in range(PAGE, PAGE + 20)], False)


def test_the_mark_changes_with_a_new_line_a_new_owner_and_a_running_turn(
    database: Database, seeder: Seeder, talk: str
) -> None:
    marks = [mark(database)]
    seeder.hears(talk, "你好")
    marks.append(mark(database))
    seeder.change(conversations, talk, handled_seq=0)
    marks.append(mark(database))
    assert read(database).thinking
    seeder.change(conversations, talk, owner=Owner.AGENT.value)
    marks.append(mark(database))
    assert read(database).owner is Owner.AGENT
    assert len(set(marks)) == len(marks)


def test_marks_of_hundreds_of_chats_are_read_together(database: Database, seeder: Seeder, talk: str) -> None:
    seeder.hears(talk, "你好")
    boxes = [("shop", f"v{number}") for number in range(450)] + [BOX]
    marks = asyncio.run(SqlChatHistory(database).versions(boxes))
    assert len(marks) == 451
    assert [box for box, one in marks.items() if one] == [BOX]


def test_lines_carry_the_dedup_key_of_the_browsers_message(database: Database, seeder: Seeder, talk: str) -> None:
    line = seeder.hears(talk, "你好")
    (read_line,) = read(database).lines
    assert read_line.key == seeder.row(messages, line).dedup_key
