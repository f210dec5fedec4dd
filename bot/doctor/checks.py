"""What is looked at on our own side. Facts in, findings out; nothing here reaches out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from ipaddress import ip_address
from urllib.parse import urlsplit

from bot.chinese import in_chinese
from bot.config import Config
from bot.doctor.findings import Finding, Grade, Words, fail, ok, warn
from bot.errors import Mistake, SettingError
from bot.messages import Instant
from bot.origins import hostname_of
from bot.stores.record.demo import DemoLeftovers

STRICTEST = 300.0  # seconds of skew at which pushes and tokens are refused
UNEASY = 30.0
WEB_PORTS = {"http": 80, "https": 443}


def setting_mistakes(error: SettingError) -> list[Finding]:
    """One finding per mistake in a file that a person wrote."""
    return [of_mistake(mistake) for mistake in error.mistakes]


def setting_warnings(mistakes: Sequence[Mistake]) -> list[Finding]:
    """The same of what is allowed and was hardly meant."""
    return [replace(of_mistake(mistake), grade=Grade.WARN) for mistake in mistakes]


def of_mistake(mistake: Mistake) -> Finding:
    """With its place, in both languages."""
    place = f"{mistake.file}:{mistake.line}" if mistake.line else mistake.file
    where = f"{place}: {mistake.key}: "
    return fail(
        Words(where + in_chinese(mistake.wrong), where + mistake.wrong), Words(in_chinese(mistake.mend), mistake.mend)
    )


def python(version: tuple[int, int, int]) -> list[Finding]:
    """CPython before 3.11.10 and 3.12.6 takes quadratic time to read a cookie of backslashes (CVE-2024-7592). We let
    none come that far; a newer Python is the better wall."""
    mended = {(3, 11): 10, (3, 12): 6}.get(version[:2], 0)
    if version[2] >= mended:
        return []
    named = ".".join(map(str, version))
    return [
        warn(
            Words(
                f"Python {named} 有已知的安全问题（CVE-2024-7592）", f"Python {named} has a known fault (CVE-2024-7592)"
            ),
            Words(
                f"升级到 {version[0]}.{version[1]}.{mended} 或更新",
                f"install {version[0]}.{version[1]}.{mended} or later",
            ),
        )
    ]


def configuration(config: Config) -> Finding:
    count = len(config.accounts)
    if not count:
        return warn(
            Words("配置可读，但没有账号", "the configuration is good, but names no account"),
            Words("在 config.yaml 的 accounts 下写一个账号", "write an account under accounts in config.yaml"),
        )
    return ok(
        f"配置可读，{count} 个账号，模式 {config.mode}", f"the configuration is good: {config.mode}, accounts: {count}"
    )


def clock(ours: Instant, theirs: Instant | None, whose: Words) -> Finding:
    """Our clock beside another's. WeChat's pushes are refused when they seem older than five minutes."""
    if theirs is None:
        return warn(
            Words(f"没能与{whose.zh}对时", f"the clock could not be compared with {whose.en}"),
            Words("确认本机启用了 NTP 对时", "make sure that this machine keeps its time by NTP"),
        )
    skew = ours - theirs
    what = Words(
        f"本机时钟比{whose.zh}{'快' if skew > 0 else '慢'} {abs(skew):.0f} 秒",
        f"this clock is {abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} {whose.en}",
    )
    mend = Words(
        "启用 NTP 对时（如 systemctl enable --now chrony）", "keep time by NTP (systemctl enable --now chrony)"
    )
    if abs(skew) >= STRICTEST:
        return fail(what, mend)
    return warn(what, mend) if abs(skew) >= UNEASY else ok(f"时钟与{whose.zh}一致", f"the clock agrees with {whose.en}")


def record(migrated: bool | None) -> Finding:
    """`migrated`: None when the record does not answer."""
    if migrated is None:
        return fail(
            Words("记录库连接不上", "the record cannot be reached"),
            Words("检查 record 的地址、账号与网络", "check the address, user and network of `record`"),
        )
    if not migrated:
        return warn(
            Words("记录库的表还不是最新版本", "the record's tables are not of this version yet"),
            Words("启动 yingda run 时会自动升级", "yingda run brings them up to date when it starts"),
        )
    return ok("记录库可用，表是最新版本", "the record answers and is up to date")


def halted(name: str, code: str, explain: Callable[[str, str], str]) -> Finding:
    """A sender that its platform refuses: `explain` gives the reason and the mend in a language."""
    what = Words(f"{name}：发送已暂停（{code}）", f"{name}: nothing is sent ({code})")
    return fail(what, Words(explain(code, "zh") or code, explain(code, "en") or code))


def plain_mode(name: str) -> Finding:
    """In plain mode WeChat's signature covers only a time and a random number, not the message."""
    return warn(
        Words(
            f"{name}：明文模式下签名不包含消息内容；谁看到一个回调网址（如在代理日志里），五分钟内就能冒充任何顾客",
            f"{name}: in plain mode the signature does not cover the message; whoever sees one callback address, as in "
            "a proxy's log, can pass for any customer for five minutes",
        ),
        Words(
            "在公众平台改为安全模式，配置 encoding_aes_key 并设 mode: safe；在此之前不要记录回调网址的参数",
            "switch to safe mode in the WeChat admin console, set encoding_aes_key and mode: safe; until then keep the "
            "query of callback addresses out of logs",
        ),
    )


def doors(running: str, taken: Sequence[Mistake]) -> list[Finding]:
    """The ports that Yingda listens on. `running`: its process, if it runs now."""
    if running:
        return [ok(f"应答正在运行（{running}）", f"Yingda is running ({running})")]
    return [of_mistake(mistake) for mistake in taken] or [ok("所需端口空闲", "the ports it needs are free")]


def is_simulator(config: Config, api_url: str) -> bool:
    """Whether an account's platform is the simulator of demo mode, which only runs while Yingda does."""
    return config.mode == "demo" and _is_here(hostname_of(api_url))


def simulator_sleeps(name: str) -> Finding:
    return warn(
        Words(f"{name}：模拟平台没有运行", f"{name}: its simulated platform is not running"),
        Words("yingda run 会启动它", "yingda run starts it"),
    )


def knowledge(entries: int) -> Finding:
    if not entries:
        return fail(
            Words("知识库是空的", "the knowledge base is empty"),
            Words("检查 knowledge_base 的路径", "check the path in `knowledge_base`"),
        )
    return ok(f"知识库可读，{entries} 个条目", f"the knowledge base is good, entries: {entries}")


def edition(number: int) -> Finding:
    if not number:
        return warn(
            Words("还没有发布过版本，机器人还不会回答", "nothing is published yet, so the bot knows no answer"),
            Words("运行 yingda train", "run yingda train"),
        )
    return ok(f"第 {number} 版正在使用", f"edition {number} is active")


def rasa(wanted: str, served: str | None) -> Finding:
    """Engine `rasa`. wanted: the active edition's model, '' if Rasa has not learned it. served: None if the service
    does not answer."""
    meanwhile = Words("目前由 semantic 引擎作答", "engine semantic answers meanwhile")
    if not wanted:
        what = Words(f"Rasa 尚未学习当前版本，{meanwhile.zh}", f"Rasa has not learned this edition; {meanwhile.en}")
        return warn(what, Words("运行 yingda rasa train", "run yingda rasa train"))
    if served is None:
        what = Words(f"Rasa 服务没有应答，{meanwhile.zh}", f"the Rasa service does not answer; {meanwhile.en}")
        return warn(
            what, Words("运行 yingda rasa serve，并检查 intents.rasa", "run yingda rasa serve, check intents.rasa")
        )
    if served != wanted:
        what = Words(
            f"Rasa 加载的模型 {served} 不属于当前版本（应为 {wanted}），{meanwhile.zh}",
            f"Rasa serves {served}, and this edition needs {wanted}; {meanwhile.en}",
        )
        return warn(what, Words("重新启动 yingda rasa serve", "start yingda rasa serve anew"))
    return ok(f"Rasa 可用，模型 {served}", f"Rasa answers with {served}")


def encoder(name: str, trained_with: str, failure: str) -> Finding:
    """The encoder of one's choice. trained_with: the active edition's, '' if there is none. failure: a code, '' if it
    answered as it should."""
    meanwhile = Words("目前由自带编码器代替", "the bundled one understands meanwhile")
    if failure:
        what = Words(
            f"向量编码器 {name} 没有正常应答（{failure}），{meanwhile.zh}",
            f"the encoder {name} failed ({failure}); {meanwhile.en}",
        )
        return warn(
            what,
            Words(
                "检查 intents.encoder 的地址、模型、密钥与维数",
                "check url, model, key and dimensions in intents.encoder",
            ),
        )
    if trained_with and trained_with != name:
        what = Words(
            f"当前版本是用 {trained_with} 训练的，不是 {name}，{meanwhile.zh}",
            f"this edition was trained with {trained_with}, not {name}; {meanwhile.en}",
        )
        return warn(what, Words("运行 yingda train", "run yingda train"))
    return ok(f"向量编码器 {name} 可用", f"the encoder {name} answers")


def demo_leftovers(config: Config) -> list[Finding]:
    """In live mode nothing of the demo may be left. Its secrets have stopped the start already (bot.config)."""
    if config.mode == "demo":
        return [
            warn(
                Words("演示模式：密钥与登录是公开的", "demo mode: its secrets and logins are known to everybody"),
                Words("正式使用前改为 mode: live", "set mode: live before real customers write"),
            )
        ]
    addresses = {account.name: (account.model_extra or {}).get("api_url", "") for account in config.accounts}
    here = [name for name, url in addresses.items() if _is_here(hostname_of(str(url)) or "-.-")]
    found = [_leftover(f"accounts.{name}.api_url") for name in here]
    policies = {account.name: (account.model_extra or {}).get("privacy_policy", "") for account in config.accounts}
    nowhere = [name for name, url in policies.items() if "www.example.com" in str(url)]
    found += [_leftover(f"accounts.{name}.privacy_policy") for name in nowhere]
    if config.members.kind == "demo":
        found.append(_leftover("members.kind"))
    return found or [ok("没有演示用的设置", "nothing of the demo is left")]


def demo_record(left: DemoLeftovers, speaks_for_the_demo: bool) -> list[Finding]:
    """Nothing that demo mode wrote may be in a live database: its logins are open to everybody."""
    found = []
    if left:
        found.append(
            fail(
                Words(
                    f"数据库曾以演示模式运行：{len(left.logins)} 个账号使用公开的演示密码，"
                    f"{left.customers} 位顾客，{left.cases} 个会话",
                    f"the database ran in demo mode: {len(left.logins)} logins with the demo's public password, "
                    f"{left.customers} customers, {left.cases} cases",
                ),
                Words("运行 yingda leave-demo", "run yingda leave-demo"),
            )
        )
    if speaks_for_the_demo:
        found.append(
            fail(
                Words("当前版本使用演示品牌的内容", "the active edition speaks for the demo brand"),
                Words("修改知识库后运行 yingda train", "write what your brand answers, then run yingda train"),
            )
        )
    return found or [ok("数据库中没有演示数据", "nothing of the demo is in the database")]


def _leftover(key: str) -> Finding:
    return fail(
        Words(f"{key} 仍是演示用的值", f"{key} still has the demo's value"),
        Words(
            "在 config.yaml 或其环境变量中设置真实的值",
            "set the real one, in config.yaml or by its environment variable",
        ),
    )


def public_address(url: str) -> Finding:
    """Where platforms reach us. WeChat calls http on port 80 or https on port 443 only [DOC service/guide/dev/push]."""
    scheme, host = _called_by_wechat(url)
    if not host:
        return fail(
            Words(f"微信不会访问 {url}", f"WeChat does not call {url}"),
            Words("只能用 80 端口的 http 或 443 端口的 https", "it takes http on port 80 or https on port 443 only"),
        )
    if _is_here(host):
        return fail(
            Words(f"{host} 只在本机或内网可见", f"{host} is only seen from this machine or network"),
            Words("填写公网域名，并在前面放反向代理", "give a public name, with a reverse proxy in front"),
        )
    if scheme == "http":
        return warn(
            Words("回调地址没有加密", "the webhook's address is not encrypted"),
            Words("改用 https；X 只接受 https", "use https; X takes nothing else"),
        )
    return ok(f"{url} 可以填到平台上", f"{url} is an address that platforms call")


def _called_by_wechat(url: str) -> tuple[str, str]:
    """Scheme and host; no host if WeChat would not call this."""
    try:
        address = urlsplit(url)
        port, usual = address.port, WEB_PORTS.get(address.scheme)
    except ValueError:  # what stands for port or host is neither
        return "", ""
    return address.scheme, (address.hostname or "") if usual and port in (None, usual) else ""


def _is_here(host: str) -> bool:
    """Whether a name or number means this machine or a network nobody else sees."""
    try:
        return not ip_address(host).is_global
    except ValueError:
        return "." not in host or host.endswith((".localhost", ".local", ".internal"))
