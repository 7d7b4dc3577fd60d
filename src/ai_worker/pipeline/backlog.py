"""How many messages of this process are accepted and not yet answered."""

from ai_worker.foundation.events import EventBus
from ai_worker.pipeline.facts import MessageReceived, MessageResubmitted, TurnCompleted, TurnGivenUp


class Backlog:
    """Counts facts instead of asking the store, because it is looked at every few seconds."""

    def __init__(self, events: EventBus) -> None:
        self.unfinished = 0
        """Messages in work or waiting. Set it once to what `PipelineStore.recover` found."""

        events.subscribe(MessageReceived, self._more)
        events.subscribe(MessageResubmitted, self._more)
        events.subscribe(TurnCompleted, self._fewer)
        events.subscribe(TurnGivenUp, self._fewer)

    def _more(self, _fact: MessageReceived | MessageResubmitted) -> None:
        self.unfinished += 1

    def _fewer(self, _fact: TurnCompleted | TurnGivenUp) -> None:
        self.unfinished = max(0, self.unfinished - 1)
