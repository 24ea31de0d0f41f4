"""Warnings of others, read and shown as advisories: never an alarm, never an incident."""
