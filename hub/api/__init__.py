"""The hub's REST and event-stream interface: sessions, roles, audit, routes by subject."""
