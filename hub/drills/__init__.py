"""Exercises: the whole chain from incident to answer, with nobody told in earnest."""
