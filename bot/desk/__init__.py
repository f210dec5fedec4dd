"""The desk's rules, without HTTP and without a database: who may move a case, in which order, and what is promised."""
