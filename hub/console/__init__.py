"""The pages of the hub: rendered here, live by one event stream, Bahasa Indonesia first."""
