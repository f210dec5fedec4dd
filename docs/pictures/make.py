"""Makes the picture of the README from the running demo: `.venv/bin/python docs/pictures/make.py`.

The demo page with a case open at the desk. Needs chromium and Noto Sans CJK (Debian: apt-get install chromium
fonts-noto-cjk).
"""

from __future__ import annotations

from pathlib import Path

from gallery import demo
from scene import GRACE, stage

PICTURE = Path(__file__).parent / "demo.png"


def main() -> None:
    with stage() as studio:
        page = studio.screen("en", "light", "large")
        demo(page, studio, GRACE)
        page.frame_locator("#desk").locator("#draft").fill(GRACE.draft)
        page.screenshot(path=PICTURE)
    print(f"{PICTURE.name}: {PICTURE.stat().st_size // 1024} KB")  # noqa: T201 - a command


if __name__ == "__main__":
    main()
