"""siaga-watch: presses a button of its own again and again, and tells people when the hub does not answer."""
