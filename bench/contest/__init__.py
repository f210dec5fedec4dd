"""A contest between servers that answer WeChat followers in safe mode: who takes part, who writes, who counts."""
