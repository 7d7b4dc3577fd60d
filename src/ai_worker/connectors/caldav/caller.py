"""Carry out the operations of one calendar server."""

import asyncio
import hashlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import structlog

from ai_worker.connectors.answers import clipped, masked
from ai_worker.connectors.arguments import ArgumentChecks
from ai_worker.connectors.caldav import requests
from ai_worker.connectors.caldav.events import Event, busy_times, events_of, free_times, written
from ai_worker.connectors.caldav.options import CalDavOptions
from ai_worker.connectors.caldav.server import ICALENDAR, CalDavServer, check
from ai_worker.connectors.caldav.times import Span, Times
from ai_worker.connectors.contract import Answer, ArgumentsRefused, Preview
from ai_worker.connectors.operation import Operation
from ai_worker.connectors.profile import Profile
from ai_worker.foundation.clock import Clock
from ai_worker.skills.tool import Asker, ToolFailed, ToolRefused, ToolUnsure

log = structlog.get_logger(__name__)

LOOKS, SETTLE_S = 4, 0.25
"""How often, and after how long, it is seen whether another booking of ours for the same time has given way."""


class AlreadyTaken(ToolRefused):
    """Something is on in the calendar at that time."""

    code = "caldav.taken"
    hint = "Ask for the free times and choose one of them."


class CalDavCaller:
    """Reads calendars, and books in them what nobody else has."""

    def __init__(
        self, connection: str, options: CalDavOptions, profile: Profile, server: CalDavServer, clock: Clock
    ) -> None:
        self._id, self._options, self._profile = connection, options, profile
        self._server, self._clock = server, clock
        self._zone = ZoneInfo(options.timezone)
        self._times = Times(self._zone, options.max_days)
        self._checks = ArgumentChecks()

    async def start(self) -> None:
        """Open the connection pool; calls nobody."""
        await self._server.start()

    async def close(self) -> None:
        """Close the pool."""
        await self._server.close()

    def preview(self, operation: Operation, arguments: Mapping[str, Any]) -> Preview:
        """Return what a call would send.

        Raises:
            ArgumentsRefused: The arguments do not fit.
        """
        arguments = self._checks.checked(operation, arguments)
        path = (
            self._path(arguments["calendar"])
            if "calendar" in arguments
            else next(iter(self._options.calendars.values()))
        )
        body = ""
        if "start" in arguments:
            span = self._times.span(operation.name, arguments)
            body = requests.between(span.start, span.end).decode()
            if operation.name == "book":
                event = self._event(arguments, span, "", None)
                body = written(event, now=self._clock.now(), note=arguments.get("note", "")).decode()
        return Preview(operation.method, self._server.address(path), body=body)

    async def call(
        self,
        operation: Operation,
        arguments: Mapping[str, Any],
        *,
        idempotency_key: str = "",
        asker: Asker | None = None,
    ) -> Answer:
        """Carry out an operation once.

        Raises:
            AlreadyTaken: Of a booking: something is on at that time. Nothing is booked.
            ToolRefused: The server says no.
            ArgumentsRefused: The arguments do not fit; nothing was sent.
            ToolUnsure: Of a booking or a cancelling: nobody knows whether it was done.
            ToolFailed: The server failed or could not be reached; nothing was changed.
        """
        arguments = self._checks.checked(operation, arguments)
        match operation.name:
            case "list_calendars":
                data = await self._calendars(operation)
            case "list_events":
                data = await self._listed(operation, arguments)
            case "free_busy":
                data = await self._free(operation, arguments)
            case "book":
                data = await self._book(operation, arguments, idempotency_key, asker)
            case "get_booking":
                data = self._times.told(await self._booking(operation, arguments, asker))
            case _:
                data = await self._cancel(operation, arguments, asker)
        data, cut = clipped(masked(data, self._profile.masked), self._profile.max_characters)
        return Answer(200, data, notes=(cut,) if cut else ())

    async def _calendars(self, operation: Operation) -> Any:
        found = []
        for name, path in self._options.calendars.items():
            answers = await self._server.found(operation, "PROPFIND", path, requests.PROPERTIES, "0")
            if not answers or "calendar" not in answers[0].kinds:
                raise ToolFailed(f"{operation.name}: {name!r} is no calendar on the server")
            words = answers[0].properties.get("calendar-description", "").strip()
            found.append({"calendar": name} | ({"description": words[:200]} if words else {}))
        return {"calendars": found}

    async def _listed(self, operation: Operation, arguments: Mapping[str, Any]) -> Any:
        span = self._times.span(operation.name, arguments)
        events, notes = await self._events(operation, arguments["calendar"], span)
        shown = events[: self._options.max_events]
        if len(events) > len(shown):
            notes.append(f"only the first {len(shown)} of {len(events)} events")
        told = {"events": [self._times.told(event) for event in shown], "count": len(events)}
        return told | ({"note": "; ".join(notes)} if notes else {})

    async def _free(self, operation: Operation, arguments: Mapping[str, Any]) -> Any:
        span = self._times.span(operation.name, arguments)
        events, notes = await self._events(operation, arguments["calendar"], span)
        busy = busy_times(events, span.start, span.end)
        if any(event.repeats for event in events):
            notes.append("something repeats and the server does not say when; the whole span counts as taken")
        told = {"busy": self._times.spans(busy), "free": self._times.spans(free_times(busy, span.start, span.end))}
        return told | ({"note": "; ".join(notes)} if notes else {})

    async def _book(self, operation: Operation, arguments: Mapping[str, Any], key: str, asker: Asker | None) -> Any:
        span = self._times.span(operation.name, arguments)
        if span.end - span.start > timedelta(minutes=self._options.max_minutes):
            raise ArgumentsRefused(f"book: longer than {self._options.max_minutes} minutes")
        event = self._event(arguments, span, key, asker)
        if await self._others(operation, arguments["calendar"], span, event.uid):
            raise AlreadyTaken(f"book: {arguments['calendar']} is taken at that time")
        reply = await self._server.send(
            operation,
            "PUT",
            self._path_of(arguments["calendar"], event.uid),
            content=written(event, now=self._clock.now(), note=arguments.get("note", "")),
            content_type=ICALENDAR,
            headers={"If-None-Match": "*"},
        )
        # 412: this very booking is there already; the same act came twice.
        if reply.status != 412:
            check(operation, reply)
        await self._settle(operation, arguments["calendar"], span, event.uid)
        return self._times.told(event)

    async def _settle(self, operation: Operation, calendar: str, span: Span, uid: str) -> None:
        """Look again, and give way to whoever booked between our look and our booking.

        Whoever wrote last sees the other, so that never both stay. Of two of ours that see each other, the one
        with the larger id gives way at once and the other waits for that, so that seldom both go.
        """
        for _ in range(LOOKS):
            try:
                others = await self._others(operation, calendar, span, uid)
            except ToolFailed as error:
                raise ToolUnsure(
                    f"book: it is booked; whether somebody else booked too cannot be seen: {error}"
                ) from None
            if not others:
                return
            if any(not other.booked_for or other.uid < uid for other in others):
                break
            await asyncio.sleep(SETTLE_S)
        check(operation, await self._server.send(operation, "DELETE", self._path_of(calendar, uid)))
        log.info("connector.booking_given_up", connector=self._id)
        raise AlreadyTaken(f"book: somebody else booked {calendar} at the same moment; ours is withdrawn")

    async def _cancel(self, operation: Operation, arguments: Mapping[str, Any], asker: Asker | None) -> Any:
        event = await self._booking(operation, arguments, asker)
        path = self._path_of(arguments["calendar"], arguments["event"])
        check(operation, await self._server.send(operation, "DELETE", path))
        return {"cancelled": True, **self._times.told(event)}

    async def _booking(self, operation: Operation, arguments: Mapping[str, Any], asker: Asker | None) -> Event:
        """Return a booking that we made for the one who asks; an administrator sees every one."""
        reading = replace(operation, risk="read")
        reply = await self._server.send(reading, "GET", self._path_of(arguments["calendar"], arguments["event"]))
        check(reading, reply)
        try:
            events = events_of(reply.content.decode("utf-8", "replace"), self._zone)
        except ValueError as error:
            raise ToolFailed(f"{operation.name}: {error}") from None
        ours = [event for event in events if event.booked_for and event.uid == arguments["event"]]
        if not ours:
            raise ToolRefused(f"{operation.name}: the worker made no such booking")
        if asker is not None and ours[0].booked_for != _whom(asker):
            raise ToolRefused(f"{operation.name}: this booking was made for somebody else")
        return ours[0]

    async def _others(self, operation: Operation, calendar: str, span: Span, uid: str) -> list[Event]:
        """Return what else is on in a span."""
        events, unread = await self._events(operation, calendar, span)
        if unread:
            raise ToolFailed(f"{operation.name}: {unread[0]}; it cannot be seen whether the time is free")
        return [
            event
            for event in events
            if event.busy
            and event.uid != uid
            and (event.repeats or (event.start < span.end and event.end > span.start))
        ]

    async def _events(self, operation: Operation, calendar: str, span: Span) -> tuple[list[Event], list[str]]:
        """Return what is on in a span, in order, and what could not be read."""
        body = requests.between(span.start, span.end)
        found = await self._server.found(operation, "REPORT", self._path(calendar), body, "1")
        events: list[Event] = []
        unread = 0
        for one in found:
            try:
                data = one.properties.get("calendar-data", "")
                events += events_of(data, self._zone, titles=self._options.titles) if data.strip() else []
            except ValueError:
                unread += 1
        notes = [f"{unread} entries could not be read"] if unread else []
        return sorted(events, key=lambda event: (event.start, event.uid)), notes

    def _event(self, arguments: Mapping[str, Any], span: Span, key: str, asker: Asker | None) -> Event:
        what = f"{self._id}\0{arguments['calendar']}\0{key or f'{arguments}{self._clock.now().isoformat()}'}"
        uid = f"{hashlib.sha256(what.encode()).hexdigest()[:32]}@ai-worker"
        return Event(uid, arguments["title"], span.start, span.end, booked_for=_whom(asker))

    def _path(self, calendar: str) -> str:
        return self._options.calendars[calendar].rstrip("/") + "/"

    def _path_of(self, calendar: str, uid: str) -> str:
        return f"{self._path(calendar)}{uid.partition('@')[0]}.ics"


def _whom(asker: Asker | None) -> str:
    return f"{asker.channel}/{asker.id}" if asker is not None else "administrator"
