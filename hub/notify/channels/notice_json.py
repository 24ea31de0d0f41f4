"""A notice as the JSON that receivers of webhooks and of MQTT read. Pure."""

from __future__ import annotations

import json

from hub.notify.channels.base import Message

MEDIA_TYPE = "application/json"


def as_json(message: Message) -> bytes:
    """The notice; ``key`` is the same at every attempt, and a receiver that has it takes it for the one it has."""
    content = {
        "version": 1,
        "key": message.key,
        "kind": message.kind,
        "subject": message.subject,
        "desk": message.desk,
        "priority": message.priority,
        "title": message.title,
        "text": message.text,
        "data": dict(message.data),
        "created_ms": message.created_ms,
        "attempt": message.attempt,
        "answer_url": message.answer_url,
        "drill": message.drill,
    }
    return json.dumps(content, ensure_ascii=False, sort_keys=True).encode()
