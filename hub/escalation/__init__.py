"""Escalation: who is asked next when nobody answers, and when."""
