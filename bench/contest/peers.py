"""The servers to compare with: WeRoBot on waitress, a bare route. `python -m contest.peers NAME --fd N --folder DIR`

They answer from a few keywords, as WeRoBot's users write it. None of them keeps what was said, knows repeats, keeps
order, understands wording or hands over to a person; the session only counts a follower's messages.
"""

from __future__ import annotations

import argparse
import logging
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from contest.account import APP_ID, ENCODING_AES_KEY, TOKEN

ANSWERS = {
    "地址": "还没发货：“我的 – 订单”里打开这一单，点“修改地址”，地址、电话、收件人都能改，一单改一次。",
    "积分": "每消费 1 元积 1 分，确认收货后到账；积分可以在“我的 – 积分商城”里换茶和茶具，也可以下单时抵扣。",
    "退": "收到货 7 天内，包装没拆就可以退：“我的 – 订单”里点“申请退货”，快递员上门取件，运费由我们承担。",
    "order": "Open the order under Me > Orders. There you see where the parcel is, and can change or cancel it.",
}
OTHERWISE = "您好，客服的工作时间是每天 9:00 到 21:00。您可以直接说出问题，例如“怎么退货”“积分怎么用”“包裹到哪了”。"
Send = Callable[[dict[str, Any]], Any]


def answer(text: str) -> str:
    return next((said for word, said in ANSWERS.items() if word in text), OTHERWISE)


def werobot(listener: socket.socket, folder: Path, *, session: bool) -> None:
    """WeRoBot 1.13.1 as its documentation sets it up, on waitress.

    Without memory it has waitress's usual four threads. With its session one: the threads would share one SQLite
    connection, which is slower and loses about one reply in 200 ("cannot commit - no transaction is active").
    """
    from waitress import serve
    from werobot import WeRoBot
    from werobot.session.sqlitestorage import SQLiteStorage

    robot = WeRoBot(token=TOKEN, app_id=APP_ID, encoding_aes_key=ENCODING_AES_KEY)
    robot.config["SESSION_STORAGE"] = SQLiteStorage(str(folder / "werobot_session.sqlite3")) if session else False
    robot.subscribe(lambda: OTHERWISE)
    if session:
        robot.text(_remembering)
    else:
        robot.text(lambda message: answer(message.content))
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # else it writes a line for every message that waits
    serve(robot.wsgi, sockets=[listener], _quiet=True, threads=1 if session else 4)


def _remembering(message: Any, session: dict[str, Any]) -> str:
    session["heard"] = session.get("heard", 0) + 1
    return answer(message.content)


def bare(listener: socket.socket) -> None:
    """The least that can be done: verify, decrypt, parse, answer, encrypt; plain ASGI on uvloop and httptools."""
    import uvicorn
    from wechatpy import create_reply, parse_message
    from wechatpy.crypto import WeChatCrypto

    crypto = WeChatCrypto(TOKEN, ENCODING_AES_KEY, APP_ID)

    async def app(scope: dict[str, Any], receive: Callable[[], Any], send: Send) -> None:
        body, more = b"", True
        while more:
            event = await receive()
            body, more = body + event["body"], event["more_body"]
        query = dict(parse_qsl(scope["query_string"].decode()))
        if "msg_signature" not in query:
            await send({"type": "http.response.start", "status": 403, "headers": [(b"content-length", b"0")]})
            await send({"type": "http.response.body"})
            return
        plain = crypto.decrypt_message(body, query["msg_signature"], query["timestamp"], query["nonce"])
        message = parse_message(plain)
        said = create_reply(answer(getattr(message, "content", "")), message).render()
        reply = crypto.encrypt_message(said, query["nonce"], query["timestamp"]).encode()
        headers = [(b"content-type", b"application/xml"), (b"content-length", str(len(reply)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": reply})

    config = uvicorn.Config(app, http="httptools", loop="uvloop", lifespan="off", access_log=False, log_config=None)
    uvicorn.Server(config).run(sockets=[listener])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("name", choices=("werobot-session", "werobot", "bare"))
    parser.add_argument("--fd", type=int, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    chosen = parser.parse_args()
    listener = socket.socket(fileno=chosen.fd)
    if chosen.name == "bare":
        bare(listener)
    else:
        werobot(listener, chosen.folder, session=chosen.name == "werobot-session")


if __name__ == "__main__":
    main()
