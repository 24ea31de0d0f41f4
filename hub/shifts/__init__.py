"""The watch in the command room: who has it, what one shift leaves to the next, and whether they hear the alarms."""
