"""A comparison of servers that answer WeChat followers in safe mode: servers, load and counting."""
