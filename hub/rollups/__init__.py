"""Rollups: what was measured by the minute, the hour and the day, made by the hub and mended when data comes late."""
