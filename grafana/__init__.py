"""The walls: Grafana dashboards, data sources, alerts and playlists, built from a region's profile."""
