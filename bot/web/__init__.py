"""Routes, pages and static files: the only place that knows HTTP."""
