"""From a message off the broker to a committed record and its receipt."""
