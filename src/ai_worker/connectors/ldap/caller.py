"""Carry out the operations of one directory."""

import asyncio
from collections.abc import Mapping
from typing import Any

from ai_worker.connectors.answers import clipped, masked
from ai_worker.connectors.arguments import ArgumentChecks
from ai_worker.connectors.contract import Answer, ArgumentsRefused, Preview
from ai_worker.connectors.http.limits import Breaker, Rate, wait_for_room
from ai_worker.connectors.ldap import filters, messages
from ai_worker.connectors.ldap.compile import PERSON
from ai_worker.connectors.ldap.filters import Equals, Every, Filter, Present, Some, any_of
from ai_worker.connectors.ldap.messages import Entry
from ai_worker.connectors.ldap.names import below
from ai_worker.connectors.ldap.options import NEVER, LdapOptions
from ai_worker.connectors.ldap.session import Answered, DirectoryFailed, Session, session
from ai_worker.connectors.operation import Operation
from ai_worker.connectors.profile import Profile
from ai_worker.foundation.clock import Clock
from ai_worker.skills.tool import Asker, ToolRefused

GROUPS = Some(
    tuple(Equals("objectClass", one) for one in ("groupOfNames", "groupOfUniqueNames", "posixGroup", "group"))
)
MEMBERS = ("member", "uniqueMember", "memberUid")


class LdapCaller:
    """Looks things up in one directory."""

    def __init__(self, connection: str, options: LdapOptions, profile: Profile, clock: Clock) -> None:
        self._id, self._options, self._profile = connection, options, profile
        self._checks = ArgumentChecks()
        self._rate = Rate(profile.per_second, profile.burst, clock)
        self._breaker = Breaker(profile.failures_to_open, profile.rest_s, clock)
        self._places = asyncio.Semaphore(options.connections)

    async def start(self) -> None:
        """Nothing is kept open: each call has a connection of its own."""

    async def close(self) -> None:
        """Nothing is kept open."""

    def preview(self, operation: Operation, arguments: Mapping[str, Any]) -> Preview:
        """Return what a call would look for.

        Raises:
            ArgumentsRefused: The arguments do not fit.
        """
        arguments = self._checks.checked(operation, arguments)
        base, wanted = self._question(operation, arguments)
        return Preview("SEARCH", f"{self._options.url}/{base}", body=filters.shown(wanted))

    async def call(
        self,
        operation: Operation,
        arguments: Mapping[str, Any],
        *,
        idempotency_key: str = "",
        asker: Asker | None = None,
    ) -> Answer:
        """Look something up.

        Raises:
            ToolRefused: The directory has no such thing.
            ArgumentsRefused: The arguments do not fit; nothing was sent.
            ToolFailed: The directory cannot be reached, does not take our credentials, or failed.
        """
        arguments = self._checks.checked(operation, arguments)
        base, wanted = self._question(operation, arguments)
        name = operation.name
        await self._wait_for_room(name)
        try:
            async with self._places, session(name, self._options, self._profile.timeout_s) as opened:
                if name == "members_of_group":
                    found = await self._members(opened, base, wanted)
                else:
                    scope = "below" if name == "find_person" else "base"
                    found = await self._search(opened, base, wanted, self._options.shown, scope)
        except DirectoryFailed:
            self._breaker.failed()
            raise
        self._breaker.worked()
        return self._told(name, found)

    async def _wait_for_room(self, name: str) -> None:
        most = self._profile.max_wait_s
        await wait_for_room(name, self._rate, self._breaker, at_most_s=most, called="directory")

    def _question(self, operation: Operation, arguments: Mapping[str, Any]) -> tuple[str, Filter]:
        """Return where is looked for what."""
        base = self._options.base
        match operation.name:
            case "find_person":
                given = {name: arguments[name] for name in PERSON if name in arguments}
                wanted = [
                    any_of(getattr(self._options, key), value, part=key == "name") for key, value in given.items()
                ]
                return base, Every((Equals("objectClass", self._options.person), *wanted))
            case "members_of_group":
                return base, Every((GROUPS, Equals("cn", arguments["group"])))
            case "get_entry":
                if not below(arguments["dn"], base):
                    raise ArgumentsRefused(f"get_entry: no distinguished name below {base}")
                return arguments["dn"], Present("objectClass")
        return base, Present("objectClass")

    async def _search(
        self, opened: Session, base: str, wanted: Filter, attributes: tuple[str, ...], scope: Any
    ) -> Answered:
        most = self._options.max_entries
        seconds = max(int(self._profile.timeout_s), 1)
        request = messages.search(base, scope, wanted, attributes, entries=most, seconds=seconds)
        return await opened.search(request, most)

    async def _members(self, opened: Session, base: str, wanted: Filter) -> Answered:
        groups = (await self._search(opened, base, wanted, MEMBERS, "below")).entries
        if not groups:
            raise ToolRefused("members_of_group: the directory has no such group")
        names = [(kind, str(one)) for group in groups for kind in MEMBERS for one in group.attributes.get(kind, ())]
        found = Answered(cut=len(names) > self._options.max_entries)
        for kind, name in names[: self._options.max_entries]:
            by_uid = kind == "memberUid"
            where, which = (base, any_of(self._options.uid, name)) if by_uid else (name, Present("objectClass"))
            # A member from elsewhere, or one that is gone, is left out.
            if by_uid or below(name, base):
                found.entries += await self._member(opened, where, which, "below" if by_uid else "base")
        return found

    async def _member(self, opened: Session, base: str, wanted: Filter, scope: str) -> list[Entry]:
        try:
            return (await self._search(opened, base, wanted, self._options.shown, scope)).entries
        except ToolRefused:
            return []

    def _told(self, name: str, found: Answered) -> Answer:
        entries = [self._entry(entry) for entry in found.entries]
        if name == "check":
            return Answer(200, {"base": self._options.base, "found": bool(entries)})
        if name == "get_entry":
            if not entries:
                raise ToolRefused("get_entry: the directory has no such entry")
            data: Any = entries[0]
        else:
            data = {"entries": entries, "count": len(entries)}
            if found.cut:
                data["note"] = f"only the first {len(entries)}; ask more narrowly"
        data, cut = clipped(masked(data, self._profile.masked), self._profile.max_characters)
        notes = (data["note"],) if isinstance(data, dict) and "note" in data else ()
        return Answer(200, data, notes=(*notes, *([cut] if cut else ())))

    def _entry(self, entry: Entry) -> dict[str, Any]:
        shown = {one.lower() for one in self._options.shown}
        told: dict[str, Any] = {"dn": entry.dn}
        for name, values in entry.attributes.items():
            plain = name.partition(";")[0].lower()
            if plain in shown and plain not in NEVER and values:
                told[name] = values[0] if len(values) == 1 else values
        return told
