"""What `[handoff]` says, as it stands now: whoever reads it sees a change without a restart."""

from ai_worker.conversation.foresight import Foresight
from ai_worker.conversation.handoff_store import HandoffStore
from ai_worker.foundation.clock import Clock
from ai_worker.settings import Settings


class HandingOver:
    """The duty roster, the rules and the office hours of this process."""

    def __init__(self, settings: Settings, handoffs: HandoffStore, *, clock: Clock) -> None:
        """Read them.

        Args:
            settings: As they were read at the start; `time_zone` is that of the start, whatever the file says later.
            handoffs: Asked how long others have waited.
            clock: Tells the time.
        """
        self._zone, self._now = settings.time_zone, settings.handoff
        self.duty = settings.handoff.duty(self._zone)
        self.rules = settings.handoff.rules()
        self.foresight = Foresight(settings.handoff.office_hours(self._zone), handoffs, clock=clock)

    def change(self, settings: Settings) -> bool:
        """Take over what the settings say now, and return whether that is something else."""
        if settings.handoff == self._now:
            return False
        self._now = settings.handoff
        self.duty.replace(self._now.duty(self._zone))
        self.rules.replace(self._now.rules())
        self.foresight.replace(self._now.office_hours(self._zone))
        return True
