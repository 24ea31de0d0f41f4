"""Drills: whom they reach, whom they cannot, and what their report says."""
