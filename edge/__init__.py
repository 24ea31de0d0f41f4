"""The gateway: reads devices, keeps every record on the card, and sends until the hub has proved it stored."""
