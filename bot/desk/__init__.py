"""Rules of the agents' desk, without HTTP and database: case transitions, the queue, opening hours, handoff cards."""
