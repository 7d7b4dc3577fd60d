"""The calls that make, fill and change one card."""

import structlog

from ai_worker.channels.dingtalk.address import Address
from ai_worker.channels.dingtalk.answers import QPS_PAUSE_S, Answer
from ai_worker.channels.dingtalk.client import DingtalkClient
from ai_worker.channels.dingtalk.fields import Fields
from ai_worker.foundation.ids import new_id
from ai_worker.pipeline.sending import Limit, SendFailed

log = structlog.get_logger(__name__)

CARDS = Limit("cards", most=10, seconds=1.0)
"""Half of the 20 calls a second that the organisation has for each interface."""

NO_SUCH_CARD = frozenset({400, 404})


class CardCalls:
    """Speaks to the card interfaces for one robot."""

    def __init__(self, *, template: str, robot_code: str, client: DingtalkClient) -> None:
        self._template, self._robot_code, self._client = template, robot_code, client

    async def create(self, card: str, address: Address, shown: dict[str, str]) -> bool:
        """Make a card and put it into its chat; return False if the platform does not want it.

        Raises:
            SendFailed: Nobody knows whether it is there, or not now.
        """
        body: Fields = {
            "cardTemplateId": self._template,
            "outTrackId": card,
            "cardData": {"cardParamMap": shown},
            "callbackType": "STREAM",
            "imGroupOpenSpaceModel": {"supportForward": True},
            "imRobotOpenSpaceModel": {"supportForward": True},
            "userIdType": 1,
            **self._place(address),
        }
        answer = await self._client.call("POST", "/v1.0/card/instances/createAndDeliver", body)
        if answer.too_fast or answer.status >= 500:
            raise _not_now(answer)
        if answer.ok and _was_put_there(answer):
            return True
        log.warning("dingtalk.card_refused", status=answer.status, code=answer.code)
        return False

    async def stream(self, card: str, text: str, *, final: bool) -> Answer:
        """Let a card show `text`, all of it each time.

        Raises:
            SendFailed: There was no answer.
        """
        body: Fields = {
            "outTrackId": card,
            "guid": new_id("guid"),
            "key": "content",
            "content": text,
            "isFull": True,
            "isFinalize": final,
            "isError": False,
        }
        return await self._client.call("PUT", "/v1.0/card/streaming", body, changes=False)

    async def end(self, card: str, shown: dict[str, str], *, streamed: bool) -> bool:
        """Show the last state of a card that is there; return False if it is not.

        Args:
            card: Which.
            shown: Its variables.
            streamed: Stream its content first, as AI cards expect it.

        Raises:
            SendFailed: Nobody knows whether it shows it, or not now.
        """
        if streamed:
            answer = await self.stream(card, shown["content"], final=True)
            if not answer.ok and answer.status not in NO_SUCH_CARD:
                raise _not_now(answer)
        body: Fields = {
            "outTrackId": card,
            "cardData": {"cardParamMap": shown},
            "cardUpdateOptions": {"updateCardDataByKey": True},
        }
        answer = await self._client.call("PUT", "/v1.0/card/instances", body, changes=False)
        passes = answer.too_fast or answer.status >= 500 or (streamed and answer.status not in NO_SUCH_CARD)
        if not answer.ok and passes:
            raise _not_now(answer)
        return answer.ok

    def _place(self, address: Address) -> Fields:
        """Return where a card goes: into a group, or to one person."""
        if address.group:
            model: Fields = {"robotCode": self._robot_code}
            if address.staff:
                model["atUserIds"] = {address.staff: address.nick or address.staff}
            return {"openSpaceId": f"dtv1.card//IM_GROUP.{address.conversation}", "imGroupOpenDeliverModel": model}
        model = {"spaceType": "IM_ROBOT", "robotCode": self._robot_code}
        return {"openSpaceId": f"dtv1.card//IM_ROBOT.{address.staff}", "imRobotOpenDeliverModel": model}


def _not_now(answer: Answer) -> SendFailed:
    """Return a refusal that passes: a card that is not ended spins for ever, so that is tried again soon."""
    failure = answer.failure(blocks=CARDS.key)
    wait = max(QPS_PAUSE_S, min(failure.retry_after or QPS_PAUSE_S, 10.0))
    detail = str(failure).removeprefix("dingtalk: ")
    return SendFailed("dingtalk", f"card: {detail}", retry_after=wait, blocks=failure.blocks)


def _was_put_there(answer: Answer) -> bool:
    """Return whether the card is in its chat: an answer of 200 may say for each place that it is not."""
    result = answer.found.get("result")
    results = result.get("deliverResults") if isinstance(result, dict) else None
    places = results if isinstance(results, list) else []
    return all(not isinstance(place, dict) or place.get("success") is not False for place in places)
