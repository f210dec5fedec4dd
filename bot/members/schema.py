"""What a member database has to look like: tables, or views of the real ones.

    members          id, number, name, phone, tier
    point_movements  id, member_id, at, points, what_zh, what_en, expires_at
    gifts            id, points, name_zh, name_en
    redemptions      id, key (unique), member_id, gift, points, points_left, at

`number` is in capitals; `phone` is eleven digits on the mainland, else written +44...; `tier` is a code such as
'spring', named by the phrase tier.spring, or simply its name. Times are seconds since the epoch, UTC.

The balance is the sum of a member's movements. `expires_at` says when points that came will lapse (empty: never).
Those that lapse first are spent first, and a lapse is itself booked as a movement. Redeeming writes point_movements
and redemptions, so these two must be tables, or views that can be written.
"""

from __future__ import annotations

from sqlalchemy import Column, Double, Index, Integer, MetaData, String, Table, Text

schema = MetaData()

members = Table(
    "members",
    schema,
    Column("id", String(64), primary_key=True),
    Column("number", String(40), nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("phone", String(20), nullable=False, index=True),
    Column("tier", String(40), nullable=False),
)

point_movements = Table(
    "point_movements",
    schema,
    Column("id", String(64), primary_key=True),
    Column("member_id", String(64), nullable=False),
    Column("at", Double, nullable=False),
    Column("points", Integer, nullable=False),
    Column("what_zh", Text, nullable=False),
    Column("what_en", Text, nullable=False),
    Column("expires_at", Double),
    Index("point_movements_member", "member_id", "at"),
)

gifts = Table(
    "gifts",
    schema,
    Column("id", String(64), primary_key=True),
    Column("points", Integer, nullable=False),
    Column("name_zh", Text, nullable=False),
    Column("name_en", Text, nullable=False),
)

redemptions = Table(
    "redemptions",
    schema,
    Column("id", String(64), primary_key=True),
    Column("key", String(200), nullable=False, unique=True),
    Column("member_id", String(64), nullable=False),
    Column("gift", String(64), nullable=False),
    Column("points", Integer, nullable=False),
    Column("points_left", Integer),  # empty only while the redemption is being written
    Column("at", Double, nullable=False),
)
