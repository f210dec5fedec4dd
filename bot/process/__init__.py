"""The processes of one deployment: starting and supervising them, and the ports they listen on."""
