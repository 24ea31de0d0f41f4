"""The rehearsal city: fake devices and servers, scenarios, and the deterministic world."""
