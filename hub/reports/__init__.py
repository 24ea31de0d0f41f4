"""What the command room did: an incident from its beginning to its end, and a shift or a month in numbers."""
