"""Tests of the build itself: the wheel, and the checks that guard the source."""
