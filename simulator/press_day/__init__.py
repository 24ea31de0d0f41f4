"""Seven hundred mistaken presses and one in earnest, with scripted operators before the pages' own list."""
