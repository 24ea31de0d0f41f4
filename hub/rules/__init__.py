"""What a river level means: pure rules from samples to changes of level."""
