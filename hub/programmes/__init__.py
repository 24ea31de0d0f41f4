"""The city's programmes and services: what each is to reach, and what it has reached, as offices report it."""
