"""The simulator's control page: a visitor's levers on the running city. Not part of Siaga; nothing of it runs in a real
city."""
