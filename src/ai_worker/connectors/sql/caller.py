"""Carry out the operations of one database."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
import structlog
from sqlalchemy import TextClause, text

from ai_worker.connectors.answers import clipped, masked
from ai_worker.connectors.arguments import ArgumentChecks
from ai_worker.connectors.contract import Answer, ArgumentsRefused, Preview
from ai_worker.connectors.http.limits import Breaker, Rate, wait_for_room
from ai_worker.connectors.operation import Operation
from ai_worker.connectors.profile import Profile
from ai_worker.connectors.settings import AccessSettings
from ai_worker.connectors.sql import rights
from ai_worker.connectors.sql.arguments import bound
from ai_worker.connectors.sql.compile import CHECK, QUERY, TABLES, described
from ai_worker.connectors.sql.database import Database
from ai_worker.connectors.sql.dialects import Dialect
from ai_worker.connectors.sql.faults import DatabaseGone
from ai_worker.connectors.sql.free import Allowed, rewritten
from ai_worker.connectors.sql.options import SqlOptions
from ai_worker.connectors.sql.rows import Rows
from ai_worker.connectors.sql.snapshot import Table
from ai_worker.connectors.sql.statements import StatementRefused
from ai_worker.foundation.clock import Clock
from ai_worker.foundation.retry import backoff
from ai_worker.skills.tool import Asker, ToolFailed, ToolRefused

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Known:
    """What may be read freely."""

    tables: tuple[Table, ...]
    default_schema: str

    @classmethod
    def of(cls, extra: Mapping[str, Any]) -> "Known":
        """Return it from the plain values that an operation carries."""
        return cls(msgspec.convert(extra["tables"], tuple[Table, ...]), extra["default_schema"])

    def allowed(self, hidden: frozenset[str]) -> Allowed:
        """Return it as names."""
        by_name = {f"{one.schema}.{one.name}": one.schema for one in self.tables if one.schema}
        by_name |= {one.name: one.schema for one in self.tables if one.schema == self.default_schema}
        columns = frozenset(column.name for one in self.tables for column in one.columns)
        return Allowed(by_name, hidden, columns)


class SqlCaller:
    """Asks one database, and never tells it anything."""

    def __init__(
        self,
        connection: str,
        options: SqlOptions,
        profile: Profile,
        access: AccessSettings,
        *,
        database: Database,
        dialect: Dialect,
        known: Known,
        address: str,
        clock: Clock,
    ) -> None:
        """Prepare the connection; nobody is called.

        Args:
            connection: Its id, for logs.
            options: The administrator's words about the database.
            profile: And about the connection.
            access: For whom it is used.
            database: Where to.
            dialect: How it writes SQL.
            known: What may be read freely.
            address: Without user and password.
            clock: For limits.
        """
        self._id, self._options, self._profile, self._access = connection, options, profile, access
        self._database, self._dialect, self._known, self._address = database, dialect, known, address
        self._hidden = frozenset(field.rpartition(".")[2].lower() for field in profile.masked)
        self._checks = ArgumentChecks()
        self._rate = Rate(profile.per_second, profile.burst, clock)
        self._breaker = Breaker(profile.failures_to_open, profile.rest_s, clock)

    async def start(self) -> None:
        """Make ready; calls nobody."""
        await self._database.start()

    async def close(self) -> None:
        """Close the connections."""
        await self._database.close()

    def preview(self, operation: Operation, arguments: Mapping[str, Any]) -> Preview:
        """Return the statement that a call would send.

        Raises:
            ArgumentsRefused: The arguments do not fit.
        """
        arguments = self._checks.checked(operation, arguments)
        if operation.extra["what"] not in ("named", QUERY):
            return Preview("SELECT", self._address)
        statement, values = self._statement(operation, arguments)
        shown = msgspec.json.encode(values, enc_hook=str).decode() if values else ""
        return Preview("SELECT", self._address, body="\n".join(filter(None, [str(statement.text), shown])))

    async def call(
        self,
        operation: Operation,
        arguments: Mapping[str, Any],
        *,
        idempotency_key: str = "",
        asker: Asker | None = None,
    ) -> Answer:
        """Ask the database once; a broken connection is made anew.

        Raises:
            ToolRefused: There is no such thing.
            ArgumentsRefused: The arguments do not fit; nothing was sent.
            ToolFailed: The database cannot be reached, refused, or was stopped.
        """
        arguments = self._checks.checked(operation, arguments)
        match operation.extra["what"]:
            case what if what == TABLES:
                return self._tables(arguments["tables"])
            case what if what == CHECK:
                return await self._check()
        statement, values = self._statement(operation, arguments)
        query = self._options.queries.get(operation.name) if operation.extra["what"] == "named" else None
        most = query.max_rows if query is not None and query.max_rows else self._options.max_rows
        rows = await self._read(operation.name, statement, values, most, asker)
        if query is not None and query.one:
            return self._one(operation, rows)
        data, cut = clipped(masked(rows.rows, self._profile.masked), self._profile.max_characters)
        notes = tuple(note for note in (rows.note, cut) if note)
        told = {"rows": data, "count": len(data)} | ({"note": "; ".join(notes)} if notes else {})
        return Answer(200, told, notes=notes)

    def _one(self, operation: Operation, rows: Rows) -> Answer:
        if not rows.rows:
            raise ToolRefused(f"{operation.name}: the database has no such thing")
        data, cut = clipped(masked(rows.rows[0], self._profile.masked), self._profile.max_characters)
        return Answer(200, data, notes=(cut,) if cut else ())

    def _statement(self, operation: Operation, arguments: Mapping[str, Any]) -> tuple[TextClause, dict[str, Any]]:
        if operation.extra["what"] == "named":
            return bound(self._options.queries[operation.name], arguments, exact=self._dialect.name != "sqlite")
        try:
            sql = rewritten(
                arguments["sql"],
                self._dialect.sql,
                self._known.allowed(self._hidden),
                # One more than is shown, so that it is known that there are more.
                max_rows=self._options.max_rows + 1,
            )
        except StatementRefused as error:
            raise ArgumentsRefused(f"{operation.name}: {error}") from None
        # What fills statements in would take a colon for a parameter's beginning.
        sql = self._dialect.bounds.format(sql=sql, bytes=self._options.max_bytes)
        return text(sql.replace(":", "\\:")), {}

    async def _read(
        self, name: str, statement: TextClause, values: Mapping[str, Any], most: int, asker: Asker | None
    ) -> Rows:
        longest = self._profile.max_wait_s
        await wait_for_room(name, self._rate, self._breaker, at_most_s=longest, called="database")
        # A kept connection may have died long ago: that is seen only when it is used.
        last = max(self._profile.attempts, 2)
        for attempt in range(1, last + 1):
            rows = Rows(most, self._options.max_bytes)
            try:
                found = await self._database.read(name, statement, values, rows, asker=self._for(asker))
            except DatabaseGone:
                self._breaker.failed()
                log.warning("connector.unanswered", connector=self._id, operation=name, attempt=attempt)
                if attempt == last:
                    raise
                await asyncio.sleep(backoff(attempt, base=0.1, cap=2.0))
            else:
                self._breaker.worked()
                return found
        raise AssertionError

    def _for(self, asker: Asker | None) -> str:
        if asker is None:
            return ""
        return self._access.logins.get(f"{asker.channel}/{asker.id}") or asker.id

    def _tables(self, wanted: list[str]) -> Answer:
        found = described(self._known.tables, wanted, self._known.default_schema)
        if not found:
            raise ToolRefused(f"{TABLES}: none of these tables may be read")
        data, cut = clipped({"tables": found}, self._profile.max_characters)
        return Answer(200, data, notes=(cut,) if cut else ())

    async def _check(self) -> Answer:
        """See whether the database is there, what our role may do, and whether every named query can be planned."""
        found = await self._database.look(CHECK, rights.look)
        warnings = list(found.warnings)
        if not self._dialect.read_only:
            warnings.append(f"{found.server} has no transactions that cannot write: all depends on the role")
        for name, query in self._options.queries.items() if self._dialect.explains else ():
            statement, values = bound(query, dict.fromkeys(query.parameters), exact=self._dialect.name != "sqlite")
            plan = text(f"EXPLAIN {statement.text}").bindparams(*statement._bindparams.values())
            try:
                await self._database.read(name, plan, values, Rows(1, 10_000))
            except ToolFailed as error:
                warnings.append(str(error))
        told = {"server": found.server, "role": found.role, "queries": len(self._options.queries)}
        return Answer(200, told | {"warnings": warnings}, notes=tuple(warnings))
