"""X's weighted length of a post: 2 for a Chinese character or an emoji, 23 for a URL (twitter-text, config v3).

Domains and emoji come from the package twitter-text-parser. Its own parser is not used: it takes half a minute for
5,000 characters of "a.a.a.", and the texts counted here come from customers. A test compares the two.

Version 3.0 of that package needs pkg_resources, which setuptools removed in version 82; a substitute with the one
function it uses is installed while it is imported.
"""

from __future__ import annotations

import re
import sys
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from importlib.resources import files
from types import ModuleType

from bot.text import Unit
from bot.text.folding import composed

LONGEST = 16_000  # characters; a longer text is no post, and its URLs and emoji are counted as plain characters
_URL_WEIGHT = 23  # X shortens every URL to a t.co link of this length
_MAX_URL = 4096
_MAX_HOST = 280  # RFC 1035 allows 253; a longer run is no host and exceeds the limit by itself
_MAX_LABEL = 63  # RFC 1035
_MAX_SLUG = 40  # of a t.co URL
# Characters of weight 2: all outside of these ranges (twitter-text, config v3).
_HEAVY = re.compile("[^\u0000-\u10ff\u2000-\u200d\u2010-\u201f\u2032-\u2037]")
_SPACES = r"\x09-\x0D\x20\x85\xA0\u1680\u180E\u2000-\u200A\u2028\u2029\u202F\u205F\u3000"
_MARKS = r"\u202A-\u202E\u061C\u200E\u200F\u2066-\u2069"
_HOST = re.compile(rf"[^!#%&'()*+,\\/:;<=>?@\[\]^{{|}}~${_SPACES}\uFFFE\uFEFF\uFFFF{_MARKS}]++")
_NO_HOST_AFTER = re.compile("[A-Za-z0-9@＠$#＃\ufffe\ufeff\uffff]")
_BEFORE_HOST = re.compile("[^A-Za-z0-9@＠$#＃]")
_PROTOCOL = re.compile("https?://", re.IGNORECASE)
_PORT = re.compile(r":[0-9]++")
_LETTERS = r"a-z\u0400-\u04FF\xC0-\xD6\xD8-\xF6\xF8-\u024F\u0253-\u02BB\u0300-\u036F\u1E00-\u1EFF"
_PATH_SIGN = rf"[{_LETTERS}0-9!*';:=+,.$/%#\[\]\-\u2013_~@|&]"
_PATH = re.compile(rf"/(?:{_PATH_SIGN}|\((?:{_PATH_SIGN}*+\({_PATH_SIGN}++\))?{_PATH_SIGN}*+\))*+", re.IGNORECASE)
_PATH_ENDS = re.compile(rf"[{_LETTERS}+\-0-9=_#/)]", re.IGNORECASE)
_QUERY = re.compile(r"\?[a-z0-9!?*'@();:&=+$/%#\[\]\-_.,~|]*", re.IGNORECASE)
_QUERY_ENDS = re.compile(r"[a-z0-9\-_&=#/]", re.IGNORECASE)
_SHORT_ADDRESS = re.compile(r"https?://t\.co/([a-z0-9]++)(?:\?[a-z0-9!?*'@();:&=+$/%#\[\]\-_.,~|]*+)?", re.IGNORECASE)
MAYBE_EMOJI = re.compile("[\u00a9\u00ae\u200d\u203c-\u2bff\u3030-\u303d\u3297-\u3299\ufe0f\U0001f000-\U000e007f]+")
_KEYS = frozenset("0123456789#*")  # an emoji when the key-cap sign follows
_JOINED = frozenset("-_./")
_DOTS = re.compile("[.。．｡]")


@dataclass(frozen=True, slots=True)
class Mark:
    """A URL or an emoji: `text[start:end]` has this weight as a whole."""

    start: int
    end: int
    weight: int


def weigh(text: str) -> int:
    """The weighted length; a post has at most 280."""
    normal = composed(text).replace("\r\n", "\n")
    weight, at = 0, 0
    for mark in _marks(normal):
        weight += _weight(normal[at : mark.start]) + mark.weight
        at = mark.end
    return weight + _weight(normal[at:])


class Layout:
    """A text whose marks are found once, so that it can be cut into pieces in linear time."""

    def __init__(self, text: str) -> None:
        self._length = len(text)
        self._marks = _marks(text)
        self._starts = [mark.start for mark in self._marks]
        self._heavy = [found.start() for found in _HEAVY.finditer(text)]

    def reach(self, start: int, most: int) -> int:
        """The end of the longest piece from `start` with a weight of at most `most`; URLs and emoji are not split."""
        at, left = start, most
        for place in range(bisect_left(self._starts, start), len(self._marks)):
            mark = self._marks[place]
            at, left = self._plainly(at, mark.start, left)
            if at < mark.start or mark.weight > left:
                return at
            at, left = mark.end, left - mark.weight
        return self._plainly(at, self._length, left)[0]

    def _plainly(self, start: int, end: int, left: int) -> tuple[int, int]:
        """Bisect how far plain characters fit into `left`. Returns the end and the weight that remains."""
        nearest, farthest = start, min(end, start + left)
        while nearest < farthest:
            middle = (nearest + farthest + 1) // 2
            if self._weight(start, middle) <= left:
                nearest = middle
            else:
                farthest = middle - 1
        return nearest, left - self._weight(start, nearest)

    def _weight(self, start: int, end: int) -> int:
        return end - start + bisect_left(self._heavy, end) - bisect_left(self._heavy, start)


WEIGHTED = Unit("weighted", "knowledge.unit.weighted", weigh, lambda text, most: partial(Layout(text).reach, most=most))


def _weight(plain: str) -> int:
    return len(plain) + len(_HEAVY.findall(plain))


def _marks(text: str) -> list[Mark]:
    """The URLs of a text and the emoji between them, in order."""
    if len(text) > LONGEST:
        return []
    addresses = list(_addresses(text)) if "." in text else []
    marks: list[Mark] = []
    at = 0
    for address in [*addresses, Mark(len(text), len(text), 0)]:
        marks += _emoji(text, at, address.start)
        marks.append(address)
        at = address.end
    return marks[:-1]


def _emoji(text: str, start: int, end: int) -> Iterator[Mark]:
    """The emoji in text[start:end]; where several begin, the longest."""
    known = known_emoji()
    for run in MAYBE_EMOJI.finditer(text, start, end):
        at = run.start()
        if at > start and text[at - 1] in _KEYS:
            at -= 1
        while at < run.end():
            longest = known.lengths.get(text[at], ())
            size = next((size for size in longest if text[at : min(at + size, end)] in known.all), 0)
            if size:
                yield Mark(at, at + size, 2)
            at += size or 1


def _addresses(text: str) -> Iterator[Mark]:
    """The URLs of a text: every run of host characters that contains a dot is a candidate."""
    at = after = 0
    while found := _HOST.search(text, at):
        at = found.end()
        if "." in found[0] and len(found[0]) <= _MAX_HOST:
            read = _read_at(text, found, after)
            yield from read.marks
            at = read.end
            after = at if at > found.end() or read.marks else after


@dataclass(frozen=True, slots=True)
class _Read:
    """The URLs in a part of the text, and the index at which the next part begins."""

    marks: tuple[Mark, ...]
    end: int


def _read_at(text: str, found: re.Match[str], after: int) -> _Read:
    """Read a run of host characters: one URL if https:// precedes it, else the ASCII domains in it.

    after: where the part read before ended.
    """
    start = _opening(text, found.start(), after)
    protocol = start < found.start()
    if protocol and start > after and _NO_HOST_AFTER.match(text, start - 1):
        return _Read((), found.end())
    begins = [found.start()] if protocol else _beginnings(text, found, after)
    host_at, host = next(((at, host) for at in begins if (host := _domain(text, at, found.end()))), (0, ""))
    if not host:
        return _Read((), found.end())
    path_at = host_at + len(host)
    slash, end = _address_end(text, path_at)
    start = start if protocol else host_at
    if not _encodes(host) or end - start > _MAX_URL - (0 if protocol else len("https://")):
        return _Read((), end)
    if protocol:
        return _Read(_url_mark(text, start, end), end)
    joined = host_at > 0 and text[host_at - 1] in _JOINED
    return _Read(() if joined else _ascii_domains(host, host_at, end if slash else path_at), end)


def _beginnings(text: str, found: re.Match[str], after: int) -> list[int]:
    """Where in a run a host without https:// may begin: not inside a word, @name or #tag."""
    start, behind = found.start(), _BEFORE_HOST.match(text, found.start())
    if start == 0:
        return [1, 0] if behind else [0]
    if start > after and not _NO_HOST_AFTER.match(text, start - 1):
        return [start]
    inside = _BEFORE_HOST.search(text, start, found.end())
    return [inside.end()] if inside else []


def _opening(text: str, host_at: int, after: int) -> int:
    """Where a host's URL begins: at the http:// or https:// right before it, if there is one."""
    for size in (len("https://"), len("http://")):
        if host_at >= after + size and _PROTOCOL.fullmatch(text, host_at - size, host_at):
            return host_at - size
    return host_at


def _url_mark(text: str, start: int, end: int) -> tuple[Mark, ...]:
    short = _SHORT_ADDRESS.match(text, start, end)
    if short is None:
        return (Mark(start, end, _URL_WEIGHT),)
    if len(short[1]) > _MAX_SLUG:
        return ()
    return (Mark(start, _trimmed(text, start, short.end(), _QUERY_ENDS), _URL_WEIGHT),)


def _ascii_domains(host: str, host_at: int, end: int) -> tuple[Mark, ...]:
    """A mark for each ASCII domain in `host`; a path belongs to the last one."""
    spans = [found.span() for found in _library().ascii_domain.finditer(host)]
    ends = [host_at + stop for _, stop in spans]
    if ends and end > host_at + len(host):
        ends[-1] = end
    return tuple(Mark(host_at + start, stop, _URL_WEIGHT) for (start, _), stop in zip(spans, ends, strict=True))


def _domain(text: str, start: int, end: int) -> str:
    """The longest part of text[start:end] from `start` that ends in a top-level domain; '' if there is none."""
    names = text[start:end].split(".")
    at = end
    while len(names) > 1:
        at -= len(names.pop())
        top = _library().top.match(text, at)
        # No label may begin or end with a hyphen or underscore, and the last has no underscore.
        valid = "_" not in names[-1] and all(name and not {name[0], name[-1]} & {"-", "_"} for name in names)
        if top and valid:
            return text[start : top.end()]
        at -= 1
    return ""


def _encodes(host: str) -> bool:
    """Whether a host can be encoded for DNS."""
    if not all(0 < len(label) <= _MAX_LABEL for label in _DOTS.split(host)):
        return False
    if host.isascii():
        return True
    try:
        return bool(host.encode("idna"))
    except UnicodeError:
        return False


def _address_end(text: str, at: int) -> tuple[bool, int]:
    """Whether a path follows the host at `at`, and the index where port, path and query end."""
    port = _PORT.match(text, at)
    end = port.end() if port else at
    path = _PATH.match(text, end)
    if path:
        end = _trimmed(text, path.start() + 1, path.end(), _PATH_ENDS)
    query = _QUERY.match(text, end)
    asked = _trimmed(text, end + 1, query.end(), _QUERY_ENDS) if query else end
    return path is not None, asked if asked > end + 1 else end


def _trimmed(text: str, start: int, end: int, ends: re.Pattern[str]) -> int:
    """Move `end` back to the last character that may end this part of a URL, such as before a full stop."""
    while end > start and not ends.match(text, end - 1):
        end -= 1
    return end


@dataclass(frozen=True, slots=True)
class _Library:
    """Patterns of the package."""

    top: re.Pattern[str]  # a top-level domain
    ascii_domain: re.Pattern[str]  # a domain of ASCII and accented letters


@dataclass(frozen=True, slots=True)
class _KnownEmoji:
    all: frozenset[str]
    lengths: dict[str, tuple[int, ...]]  # of emoji by their first character, longest first


@cache
def _library() -> _Library:
    with substituted_pkg_resources():
        from twitter_text.regexp.valid_ascii_domain import valid_ascii_domain
        from twitter_text.regexp.valid_cctld import valid_cctld
        from twitter_text.regexp.valid_gtld import valid_gtld
        from twitter_text.regexp.valid_punycode import valid_punycode
    tops = "|".join(one.pattern for one in (valid_gtld, valid_cctld, valid_punycode))
    return _Library(re.compile(f"(?:{tops})", re.IGNORECASE), valid_ascii_domain)


@cache
def known_emoji() -> _KnownEmoji:
    with substituted_pkg_resources():
        from twitter_text.regexp.emoji import emoji_list
    known = frozenset("".join(chr(int(code, 16)) for code in one.codepoint.split()) for one in emoji_list)
    lengths: dict[str, set[int]] = {}
    for one in known:
        lengths.setdefault(one[0], set()).add(len(one))
    return _KnownEmoji(
        known,
        {first: tuple(sorted(sizes, reverse=True)) for first, sizes in lengths.items()},
    )


@contextmanager
def substituted_pkg_resources() -> Iterator[None]:
    """Provide a module pkg_resources with the one function that the package calls on import."""
    substitute = ModuleType("pkg_resources")
    substitute.resource_string = lambda module, name: (  # type: ignore[attr-defined]
        files(module.rpartition(".")[0]).joinpath(name).read_bytes()
    )
    kept = sys.modules.get("pkg_resources")
    sys.modules["pkg_resources"] = substitute
    try:
        yield
    finally:
        del sys.modules["pkg_resources"]
        if kept is not None:
            sys.modules["pkg_resources"] = kept
