"""Who may use the hub: users, passwords, sessions, roles, and what keeps strangers from guessing."""
