"""A chat of Telegram with a button for each answer, by the Bot API through the hub's one door to the outside.

A button carries the signed name of the question and a word, so that a press is believed as a link is. The bot asks for
presses (``getUpdates``) instead of being called, so that no address of the hub is open for it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hub.errors import HubError
from hub.notify.channels.base import Answer, Message
from hub.notify.words import LABELS
from hub.outbound import Outbound, OutboundError, Response

ADDRESS = "https://api.telegram.org"
MOST_CHARS = 4000
"""Of a text; Telegram takes 4096 with what stands around it."""

_MOST_DATA_CHARS = 64


class ChatError(HubError):
    """The service does not say what was pressed; it may be asked again."""

    retryable = True


@dataclass(frozen=True, slots=True)
class Press:
    """A button that somebody has pressed.

    Attributes:
        update: Telegram's number; those up to it are let go of by asking from the next.
        data: what the button carries.
        id: by which the press is answered.
    """

    update: int
    id: str
    chat: str
    data: str


class TelegramChannel:
    """One bot in one chat.

    Args:
        token: the bot's; it is part of the addresses, and so in no message of an error.
        chat: the chat's number.

    Attributes:
        bot: the same for every channel of one bot, and no secret.
    """

    def __init__(self, token: str, chat: str, outbound: Outbound, *, address: str = ADDRESS) -> None:
        self.bot = hashlib.sha256(token.encode()).hexdigest()[:16]
        self._token = token
        self._chat = chat
        self._outbound = outbound
        self._address = address

    async def send(self, message: Message) -> Answer:
        """One message, with buttons where something is asked. The service knows no keys: an attempt whose end the hub
        did not see may come twice."""
        content: dict[str, Any] = {
            "chat_id": self._chat,
            "text": f"{message.title}\n\n{message.text}"[:MOST_CHARS] + f"\n\nRef: {message.key}",
        }
        if message.answer_url:
            token = message.answer_url.rsplit("/", 1)[1]
            buttons = [
                [{"text": f"{names[0]} / {names[1]}", "callback_data": f"{token}:{word}"}]
                for word, names in LABELS.items()
            ]
            content["reply_markup"] = {"inline_keyboard": buttons}
        try:
            response = await self._call("sendMessage", content)
        except OutboundError as error:
            return Answer("failed" if error.retryable else "refused", detail=str(error))
        said = _said(response)
        if response.status == 200 and said.get("ok") is True:
            result = said.get("result")
            return Answer(
                "delivered", 200, ref=str(result.get("message_id", "")) if isinstance(result, dict) else ""
            )
        return _unsent(response, said)

    async def presses(self, after: int) -> Sequence[Press]:
        """The buttons pressed in all chats of the bot since an update, the oldest first.

        Raises:
            ChatError: the service does not say.
        """
        content = {"offset": after + 1, "timeout": 0, "allowed_updates": ["callback_query"]}
        try:
            said = _said(await self._call("getUpdates", content))
        except OutboundError as error:
            raise ChatError(str(error)) from error
        updates = said.get("result")
        if said.get("ok") is not True or not isinstance(updates, list):
            raise ChatError("the service's list is none")
        found = (_press(one) for one in updates)
        return [one for one in found if one is not None]

    def is_ours(self, press: Press) -> bool:
        """Whether a press was in this channel's chat."""
        return press.chat == self._chat

    async def thank(self, press: Press, text: str) -> None:
        """Tell who pressed what came of it. That it fails matters to nobody else."""
        try:
            await self._call("answerCallbackQuery", {"callback_query_id": press.id, "text": text[:200]})
        except OutboundError:
            return

    async def aclose(self) -> None:
        """Nothing to let go of: connections are the outbound function's."""

    async def _call(self, method: str, content: dict[str, Any]) -> Response:
        body = json.dumps(content, ensure_ascii=False).encode()
        url = f"{self._address}/bot{self._token}/{method}"
        return await self._outbound.post(url, content=body, headers={"Content-Type": "application/json"})


def _said(response: Response) -> dict[str, Any]:
    try:
        said = json.loads(response.body)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _unsent(response: Response, said: dict[str, Any]) -> Answer:
    status = response.status
    detail = f"HTTP {status}: {str(said.get('description', ''))[:200]}"
    parameters = said.get("parameters")
    asked = parameters.get("retry_after") if isinstance(parameters, dict) else None
    if 400 <= status < 500 and status not in (408, 429):
        return Answer("refused", status, detail)
    return Answer("failed", status, detail, float(asked) if isinstance(asked, int) else None)


def _press(update: object) -> Press | None:
    """An update as it came; None where it is no press of a button that we could have made."""
    try:
        query = update["callback_query"]  # type: ignore[index]
        press = Press(
            int(update["update_id"]),  # type: ignore[index]
            str(query["id"]),
            str(query["message"]["chat"]["id"]),
            str(query["data"]),
        )
    except (KeyError, TypeError, ValueError):
        return None
    return press if len(press.data) <= _MOST_DATA_CHARS else None
