"""The demo's member database: twelve fictitious members of Yunshan Tea with a year of points movements."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, create_engine, event, func, insert, select

from bot.domain.members import Member
from bot.domain.messages import DAY, Instant
from bot.members.sql import gifts, members, point_movements, schema

_EXPIRY = 365  # days after which points expire

# Fictitious phones: messages to them appear only on the demo's phone page. Ofcom reserves +44 7700 900xxx for fiction.
MEMBERS = (
    Member("m01", "YS100001", "林晓", "13800000001", "spring"),
    Member("m02", "YS100002", "陈安然", "13800000002", "sprout"),
    Member("m03", "YS100003", "王思远", "13800000003", "first_flush"),
    Member("m04", "YS100004", "赵一诺", "13800000004", "sprout"),
    Member("m05", "YS100005", "周敏", "13800000005", "spring"),
    Member("m06", "YS100006", "吴海平", "13800000006", "spring"),
    Member("m07", "YS100007", "郑雨桐", "13800000007", "sprout"),
    Member("m08", "YS100008", "孙建国", "13800000008", "first_flush"),
    Member("m09", "YS100009", "刘子墨", "13800000009", "sprout"),
    Member("m10", "YS100010", "何静宜", "13800000010", "spring"),
    Member("m11", "YS100011", "Grace Miller", "+447700900123", "spring"),
    Member("m12", "YS100012", "Daniel Ong", "+447700900456", "sprout"),
)

_MOVEMENT_TITLES = {
    "join": ("入会礼", "Welcome gift"),
    "birthday": ("生日礼", "Birthday gift"),
    "review": ("写评价", "Review"),
    "longjing": ("西湖龙井 100 克", "West Lake Longjing, 100 g"),
    "biluochun": ("洞庭碧螺春 100 克", "Dongting Biluochun, 100 g"),
    "white": ("白毫银针 50 克", "Silver Needle white tea, 50 g"),
    "oolong": ("武夷大红袍 125 克", "Wuyi Da Hong Pao, 125 g"),
    "jasmine": ("茉莉花茶 150 克", "Jasmine tea, 150 g"),
    "puer": ("勐海普洱饼 357 克", "Menghai pu'er cake, 357 g"),
    "cold": ("冷泡茶包 20 袋", "Cold-brew tea bags, 20"),
    "set": ("旅行茶具一套", "Travel tea set"),
    "returned": ("退货", "Return"),
    "lapsed": ("积分到期", "Points expired"),
    "sampler": ("兑换六味茶样", "Redeemed: sampler of six teas"),
    "tin": ("兑换便携茶罐", "Redeemed: travel tin"),
    "gaiwan": ("兑换德化白瓷盖碗", "Redeemed: Dehua white porcelain gaiwan"),
}

_GIFTS = (
    {"id": "sampler", "points": 300, "name_zh": "六味茶样", "name_en": "sampler of six teas"},
    {"id": "tin", "points": 800, "name_zh": "便携茶罐", "name_en": "travel tin"},
    {"id": "gaiwan", "points": 1500, "name_zh": "德化白瓷盖碗", "name_en": "Dehua white porcelain gaiwan"},
)

# By member: (days ago, points, key in _MOVEMENT_TITLES).
_MOVEMENTS: dict[str, tuple[tuple[int, int, str], ...]] = {
    "m01": (
        *((344, 420, "longjing"), (210, 380, "set"), (96, 260, "jasmine")),
        *((40, -300, "sampler"), (12, 180, "white"), (3, 60, "review")),
    ),
    "m02": ((58, 100, "join"), (58, 128, "jasmine"), (9, 96, "cold")),
    "m03": (
        *((352, 1680, "longjing"), (301, 2360, "puer"), (240, 1500, "oolong"), (188, -1500, "gaiwan")),
        *((131, 1280, "white"), (77, 500, "birthday"), (20, -800, "tin"), (6, 860, "biluochun")),
    ),
    "m04": ((4, 100, "join"),),
    "m05": (
        *((338, 560, "oolong"), (270, 320, "jasmine"), (154, 640, "longjing")),
        *((150, -320, "returned"), (61, 200, "birthday"), (17, 240, "cold")),
    ),
    "m06": (
        *((390, 100, "join"), (388, 680, "puer"), (290, 900, "puer"), (33, 420, "set")),
        *((25, -100, "lapsed"), (23, -680, "lapsed")),
    ),
    "m07": ((119, 100, "join"), (119, 88, "cold"), (64, 60, "review"), (22, 168, "jasmine")),
    "m08": (
        *((359, 3200, "puer"), (315, 1980, "longjing"), (256, -1500, "gaiwan"), (199, 2450, "oolong")),
        *((143, 1120, "biluochun"), (88, -1500, "gaiwan"), (45, 980, "white"), (2, 1360, "longjing")),
    ),
    "m09": ((28, 100, "join"), (27, 298, "set"), (25, -298, "returned")),
    "m10": (
        *((347, 300, "longjing"), (222, 1150, "white"), (160, -800, "tin")),
        *((84, 460, "biluochun"), (11, 60, "review")),
    ),
    "m11": ((331, 100, "join"), (330, 880, "longjing"), (175, 640, "oolong"), (70, -300, "sampler"), (14, 520, "puer")),
    "m12": ((90, 100, "join"), (90, 156, "jasmine"), (5, 148, "cold")),
}


def create_demo_members(path: Path, now: Instant) -> str:
    """Create the SQLite database at `path` unless it exists, with movements up to `now`. Returns its URL."""
    url = f"sqlite:///{path}"
    path.parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url, connect_args={"timeout": 10})
    # Two processes may start at once: BEGIN IMMEDIATE lets only one of them fill the database.
    event.listen(engine, "connect", lambda connection, _: setattr(connection, "isolation_level", None))
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    try:
        with engine.begin() as connection:
            fill(connection, now)
    finally:
        engine.dispose()
    return url


def fill(connection: Connection, now: Instant) -> None:
    """Create the tables, and insert the twelve members unless there are members."""
    schema.create_all(connection)
    if connection.execute(select(func.count()).select_from(members)).scalar_one():
        return
    connection.execute(
        insert(members),
        [{"id": m.id, "number": m.number, "name": m.name, "phone": m.phone, "tier": m.tier} for m in MEMBERS],
    )
    connection.execute(insert(gifts), list(_GIFTS))
    rows = [
        {
            "id": f"{member_id}-{number:02}",
            "member_id": member_id,
            "at": now - days * DAY,
            "points": points,
            "what_zh": _MOVEMENT_TITLES[what][0],
            "what_en": _MOVEMENT_TITLES[what][1],
            "expires_at": now + (_EXPIRY - days) * DAY if points > 0 else None,
        }
        for member_id, movements in _MOVEMENTS.items()
        for number, (days, points, what) in enumerate(movements)
    ]
    connection.execute(insert(point_movements), rows)
