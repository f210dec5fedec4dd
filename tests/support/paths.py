"""Where the checkout is, and what was captured of the platforms."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
PAYLOADS = ROOT / "tests" / "payloads"
