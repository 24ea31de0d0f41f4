"""What a gateway and the hub promise each other: topics, messages, codec, kinds and errors.

Both sides import this package; it imports nothing of Siaga itself.
"""
