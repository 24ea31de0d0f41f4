"""SMS: gateways of several makes under one interface, what goes out by them, and what comes back."""
