"""CAP messages by the schema of OASIS and by parsers that know nothing of ours."""
