"""Requests that a stranger, or a platform gone wrong, may send: forged, tampered, stale, malformed, oversized, odd.

Every request is bytes as they go over the wire, so that heads can be as wrong as bodies. The same seed makes the same
requests, but for times and nonces.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from attack.targets import Target
from bot.simulators.wechat.actions import text
from bot.simulators.wechat.envelopes import Envelopes, MessageCipher, signature
from bot.simulators.wechat.state import SimulatedAccount

CONTROLS = "\x00\x01\x02\x08\x0b\x1d\x1f\x7f\x85\u200b\u202e\ufffe\ud800"
ODD = ("[", "http://[", "//[", "null", "http://evil.example", "http://127.0.0.1:99999", "\\", "%", "a" * 3000, "é", "")


@dataclass(frozen=True, slots=True)
class Attack:
    """kind: for the table. forged: it must not be believed, so a status in `believed` means that it was."""

    kind: str
    request: bytes
    forged: bool = False
    believed: tuple[int, ...] = (200, 201, 202, 204)


class Attacks:
    """Makes hostile requests of all kinds, evenly mixed, from many addresses behind a proxy."""

    def __init__(self, target: Target, seed: int) -> None:
        self._target = target
        self._chance = random.Random(seed)
        makers = [self._login, self._login_page, self._desk, self._head]
        if target.wechat is not None:
            self._path, self._account = target.wechat
            self._envelopes = Envelopes(self._account)
            self._cipher = MessageCipher(self._account.encoding_aes_key, self._account.app_id)
            makers += [self._wechat_forged, self._wechat_signed]
        if target.x is not None:
            makers += [self._x_forged, self._x_signed, self._x_challenge]
        if target.webchat is not None:
            makers += [self._chat]
        self._makers: list[Callable[[], Attack]] = makers

    def next(self) -> Attack:
        return self._chance.choice(self._makers)()

    # WeChat

    def _wechat_forged(self) -> Attack:
        """A good push with one thing wrong: signature, time, body, or all of it missing."""
        now = time.time()
        push = self._envelopes.seal("oForged", text("我的积分"), self._chance.randrange(10**9), now)
        query, body = dict(push.query), push.body
        match self._chance.randrange(5):
            case 0:
                query = {name: "0" * len(value) for name, value in query.items()}
            case 1:
                query["timestamp"] = str(int(now) - 86_400)
            case 2:
                body = body.replace(b"<Encrypt>", b"<Encrypt>AAAA", 1) if b"<Encrypt>" in body else body
                query["signature"] = query["msg_signature"] = "f" * 40
            case 3:
                query = {}
            case 4:
                query |= {"echostr": "123", "signature": "0" * 40, "msg_signature": "0" * 40}
                return Attack("wechat forged", self._get(f"{self._path}?{urlencode(query)}"), forged=True)
        return Attack("wechat forged", self._post(f"{self._path}?{urlencode(query)}", body), forged=True)

    def _wechat_signed(self) -> Attack:
        """Rightly signed, and nothing that WeChat would send."""
        chance = self._chance
        junk = chance.choice(CONTROLS) * chance.randrange(1, 50)
        number = chance.randrange(10**12)
        head = f"<ToUserName>gh_hostile</ToUserName><FromUserName>oHostile{number}</FromUserName>"
        plain = chance.choice(
            (
                f"<xml>{head}<MsgType>text</MsgType><Content><![CDATA[{junk}]]></Content><MsgId>{number}</MsgId></xml>",
                f"<xml>{head}<MsgType>text</MsgType><Content>]]>{junk}&#2;&bomb;</Content></xml>",
                '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]><xml>&b;</xml>',
                "<xml>" * 500,
                f"<xml>{head}<MsgType>{'x' * 5000}</MsgType></xml>",
                f"<xml>{head}<CreateTime>{'9' * 400}</CreateTime><MsgType>event</MsgType><Event>{junk}</Event></xml>",
                "",
                junk,
                f"<xml>{head}<MsgType>text</MsgType><Content>{'茶' * 15_000}</Content><MsgId>{number}</MsgId></xml>",
            )
        ).encode("utf-8", "surrogatepass")
        query, body = _sealed(self._account, self._cipher, plain, chance)
        return Attack("wechat signed junk", self._post(f"{self._path}?{urlencode(query)}", body))

    # X

    def _x_forged(self) -> Attack:
        body = json.dumps({"for_user_id": "1", "tweet_create_events": [{"id_str": "1", "text": "stop"}]}).encode()
        names = ("x-twitter-webhooks-signature", "x-twitter-webhooks-signature-oauth2")
        signed = {self._chance.choice(names): self._chance.choice(("", "sha256=", "sha256=AAAA", "sha1=x", "é" * 20))}
        return Attack("x forged", self._post(self._x[0], body, signed, kind="application/json"), forged=True)

    def _x_signed(self) -> Attack:
        """Rightly signed JSON that is no event of X."""
        chance = self._chance
        body = chance.choice(
            (
                b"[" * 2000,
                b"{}",
                b"null",
                b"\xff\xfe",
                json.dumps({"for_user_id": 1e308, "tweet_create_events": {"a": None}}).encode(),
                json.dumps(
                    {"for_user_id": "1", "direct_message_events": ["", 7, None, {"message_create": []}]}
                ).encode(),
                b'{"for_user_id": "1", "tweet_create_events": [{"id_str": "\\ud800", "text": "\\u0000"}]}',
                b'{"for_user_id": ' + b"9" * 5000 + b"}",
                json.dumps({"for_user_id": "1", "tweet_create_events": [{"text": "@" * 5000}] * 20}).encode(),
            )
        )
        mac = hmac.new(self._x[1].encode(), body, hashlib.sha256).digest()
        signed = {"x-twitter-webhooks-signature": f"sha256={base64.b64encode(mac).decode()}"}
        return Attack("x signed junk", self._post(self._x[0], body, signed, kind="application/json"))

    def _x_challenge(self) -> Attack:
        """A token of another form would make us an oracle for signatures."""
        token = self._chance.choice(("", "{}", '{"for_user_id":"1"}', "a" * 5000, "\x00", "<xml>"))
        return Attack("x challenge", self._get(f"{self._x[0]}?{urlencode({'crc_token': token})}"), forged=True)

    # The site

    def _chat(self) -> Attack:
        name, chance = self._target.webchat, self._chance
        token = chance.choice(("", "v1.a.b.c", "v1." + "A" * 22 + ".6b000000." + "A" * 43, "é", "x" * 4000))
        said = chance.choice(
            (b"{}", b"[", b"\xff", json.dumps({"id": "x" * 100, "text": CONTROLS}).encode(), b"{" * 999)
        )
        told = {"authorization": f"Bearer {token}", "origin": chance.choice(ODD)}
        path = chance.choice((f"/webchat/{name}", f"/webchat/{name}/events", f"/webchat/{name}/{quote(CONTROLS[:5])}"))
        if path.endswith("events"):
            return Attack("web chat", self._get(path, told), forged=True)
        return Attack("web chat", self._post(path, said, told, kind="application/json"), forged=True)

    def _login(self) -> Attack:
        """Guesses, each spelled another way."""
        chance = self._chance
        login = chance.choice(
            ("demo", "admin", " demo", "DEMO ", "demo\x00", "\ud800", "d" * 300)
        ) + " " * chance.randrange(9)
        guess = {"login": login, "password": chance.choice(("123456", "password", "\x00", "p" * 5000)), "goes": "//["}
        body = urlencode(guess, errors="surrogatepass").encode()
        origin = chance.choice((*ODD, f"http://127.0.0.1:{self._target.port}"))
        form = "application/x-www-form-urlencoded"
        return Attack("login", self._post("/login", body, {"origin": origin}, kind=form), True, (200, 303))

    def _login_page(self) -> Attack:
        odd = {"next": self._chance.choice(ODD), "x": CONTROLS[:9]}
        return Attack("login page", self._get(f"/login?{urlencode(odd)}"))

    def _desk(self) -> Attack:
        chance = self._chance
        case = quote(chance.choice(("1", "\x00", "../../etc/passwd", "a" * 2000, "\ufffe", "' OR 1=1")), safe="")
        path = chance.choice(
            ("/desk", "/api/desk/board", f"/api/desk/cases/{case}", "/accounts", "/metrics", "/openapi.json")
        )
        stolen = {
            "cookie": f"yingda_session={chance.choice(('x', 'A' * 43, CONTROLS[1:3]))}",
            "origin": chance.choice(ODD),
        }
        if chance.random() < 0.5:
            return Attack("desk", self._get(path, stolen), True)
        act = chance.choice(("claim", "reply", "resolve", "note", "x"))
        body = json.dumps({"text": "x" * 9000, "key": CONTROLS}).encode()
        return Attack("desk", self._post(f"/api/desk/cases/{case}/{act}", body, stolen, kind="application/json"), True)

    def _head(self) -> Attack:
        """Heads that cost more than they should, or say two things at once."""
        ours = f"host: 127.0.0.1:{self._target.port}\r\n"
        where = self._target.prefix + "/login"
        chosen = self._chance.choice(
            (
                f'GET {where} HTTP/1.1\r\n{ours}cookie: a="{chr(92) * 3_900}"\r\n\r\n',
                f'GET {where} HTTP/1.1\r\n{ours}cookie: a="{chr(92) * 61_000}"\r\n\r\n',
                f"GET {where} HTTP/1.1\r\n{ours}x: {'y' * 100_000}\r\n\r\n",
                f"GET {where} HTTP/1.1\r\n{ours}" + "x: y\r\n" * 900 + "\r\n",
                f"POST {where} HTTP/1.1\r\n{ours}content-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
                f"POST {where} HTTP/1.1\r\n{ours}content-length: 5\r\ncontent-length: 6\r\n\r\nabcdef",
                f"POST {where} HTTP/1.1\r\n{ours}transfer-encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\n\r\n",
                "GET http://evil.example/ HTTP/1.1\r\nhost: [\r\n\r\n",
                f"BREW {where} HTTP/1.1\r\n{ours}\r\n",
                "\x16\x03\x01\x02\x00\x01\x00\x01\xfc",
                "GET / HTTP/9.9\r\n\r\n",
            )
        )
        return Attack("heads", chosen.encode("latin-1"))

    @property
    def _x(self) -> tuple[str, str]:
        assert self._target.x is not None
        return self._target.x

    def _get(self, path: str, more: Mapping[str, str] | None = None) -> bytes:
        return self._lines("GET", path, more or {}) + b"\r\n"

    def _post(self, path: str, body: bytes, more: Mapping[str, str] | None = None, kind: str = "text/xml") -> bytes:
        told = {"content-type": kind, "content-length": str(len(body)), **(more or {})}
        return self._lines("POST", path, told) + b"\r\n" + body

    def _lines(self, method: str, path: str, headers: Mapping[str, str]) -> bytes:
        chance = self._chance
        address = f"{chance.randrange(1, 223)}.{chance.randrange(256)}.{chance.randrange(256)}.{chance.randrange(256)}"
        told = {"host": f"127.0.0.1:{self._target.port}", "x-forwarded-for": address, **headers}
        head = f"{method} {self._target.prefix}{path} HTTP/1.1\r\n"
        lines = "".join(f"{name}: {value}\r\n" for name, value in told.items())
        return (head + lines).encode("utf-8", "surrogatepass")


def _sealed(
    account: SimulatedAccount, cipher: MessageCipher, plain: bytes, chance: random.Random
) -> tuple[dict[str, str], bytes]:
    """The query and body of a push that holds any bytes, signed as the account's mode asks."""
    timestamp, nonce = str(int(time.time())), str(chance.randrange(10**10))
    query = {"signature": signature(account.token, timestamp, nonce), "timestamp": timestamp, "nonce": nonce}
    if account.mode == "plain":
        return query, plain
    sealed = cipher.encrypt(plain)
    query |= {"encrypt_type": "aes", "msg_signature": signature(account.token, timestamp, nonce, sealed)}
    return query, f"<xml><ToUserName>gh_hostile</ToUserName><Encrypt>{sealed}</Encrypt></xml>".encode()
