"""The timeline page: post, mention, reply and write direct messages as several people."""
