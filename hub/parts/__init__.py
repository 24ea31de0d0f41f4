"""The parts of a running hub, wired: each makes its own, and says what of it runs."""
