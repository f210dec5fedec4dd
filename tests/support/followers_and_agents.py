"""Followers at the simulated WeChat and agents at the desk's API, for stories from end to end."""

from __future__ import annotations

import re
from typing import Any, TypeAlias
from uuid import uuid4

import httpx
from support.running_product import Product, eventually

Json: TypeAlias = dict[str, Any]
_CSRF = re.compile(r'name="csrf" value="([^"]+)"')


class Follower:
    """Somebody with a phone who follows the account. Every message waits until the webhook has settled it."""

    def __init__(self, product: Product, name: str, number: str = "") -> None:
        self.name, self.number = name, number
        self._phone = httpx.Client(base_url=product.phone, timeout=30, trust_env=False)
        self.leave = self._phone.close
        asked = {"name": name, "phone": number, "follow": True}
        self.openid: str = self._phone.post("/api/followers", json=asked).raise_for_status().json()["openid"]
        self.waits_for("a greeting", lambda lines: [line for line in lines if line["side"] == "account"])

    def says(self, text: str) -> Json:
        """What became of the push: its attempts, and the reply in the response if there was one."""
        asked = {"kind": "text", "text": text}
        answer = self._phone.post(f"/api/followers/{self.openid}/messages", json=asked)
        delivery: Json = answer.raise_for_status().json()
        return delivery

    def hears(self, text: str) -> str:
        """Says it, and reads the answer that came in the response to the first attempt."""
        delivery = self.says(text)
        assert [attempt["outcome"] for attempt in delivery["attempts"]] == ["replied"]
        return str(delivery["reply"]["text"])

    def lines(self) -> list[Json]:
        """The chat as it stands on the phone."""
        lines: list[Json] = self._phone.get(f"/api/followers/{self.openid}").raise_for_status().json()["lines"]
        return lines

    def waits_for(self, what: str, found: Any) -> Any:
        return eventually(lambda: found(self.lines()), f"{self.name}: {what}")

    def text_messages(self) -> list[str]:
        """The text messages that reached this phone."""
        everybodys = self._phone.get("/api/sms").raise_for_status().json()
        return [sms["text"] for sms in everybodys if sms["openid"] == self.openid]

    def code(self) -> str:
        """The one-time code of the newest text message, once there is one."""
        newest = eventually(self.text_messages, f"{self.name}: a text message")[-1]
        found = re.search(r"\d{6}", newest)
        assert found is not None, "no code of six digits in the text message"
        return found.group()


class Agent:
    """Somebody at the desk, logged in as the page does it: a cookie, and the token that stands on the page."""

    def __init__(self, product: Product, login: str, password: str) -> None:
        self.browser = httpx.Client(
            base_url=product.site,
            timeout=30,
            trust_env=False,
            headers={"origin": product.site, "accept-language": "zh"},
        )
        self.leave = self.browser.close
        entered = self.browser.post("/login", data={"login": login, "password": password})
        assert (entered.status_code, entered.headers["location"]) == (303, "/desk")
        page = self.browser.get("/desk").raise_for_status().text
        token = _CSRF.search(page)
        assert token is not None
        self.browser.headers["x-csrf-token"] = token.group(1)

    def board(self) -> list[Json]:
        """The open cases in the order in which they should be taken."""
        lines: list[Json] = self.browser.get("/api/desk/board").raise_for_status().json()["lines"]
        return lines

    def case(self, case_id: str) -> Json:
        case: Json = self.browser.get(f"/api/desk/cases/{case_id}").raise_for_status().json()
        return case

    def does(self, act: str, case_id: str) -> httpx.Response:
        """claim, release, resolve or hand-back."""
        return self.browser.post(f"/api/desk/cases/{case_id}/{act}")

    def writes(self, case_id: str, text: str) -> httpx.Response:
        """A reply to the customer."""
        return self.browser.post(f"/api/desk/cases/{case_id}/reply", json={"text": text, "key": uuid4().hex})

    def notes(self, case_id: str, text: str) -> httpx.Response:
        return self.browser.post(f"/api/desk/cases/{case_id}/note", json={"text": text})
