"""One business system of this installation: its operations as tools, for whom they may be used, and the calls."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ai_worker.connectors.contract import Announces, Answer, Preview
from ai_worker.connectors.kind import Caller
from ai_worker.connectors.operation import Contract, Operation
from ai_worker.connectors.settings import ConnectorSettings, PolicySettings, VerbSettings
from ai_worker.connectors.words import worded
from ai_worker.skills.tool import Asker, Bound, ReadBack, Risk, Tool, ToolFailed, ToolRefused, ToolResult

MAX_NAME = 64
"""What the chat API of the models allows as a tool's name."""

NO_POLICY = PolicySettings()


class NotForAsker(ToolRefused):
    """The one who asks may not have this called."""

    code = "connector.not_for_asker"
    hint = "[access] and [policies] of the connector.toml say for whom it may be used."


class NoCheck(ToolFailed):
    """There is nothing harmless that could be called to see whether the system is there."""

    code = "connector.no_check"
    hint = "Name a harmless operation in `check`, with its `check_arguments`."


class Connection:
    """A connector made of a compiled contract, an administrator's settings and a caller."""

    def __init__(
        self, connector_id: str, settings: ConnectorSettings, contract: Contract, caller: Caller, *, check: str = ""
    ) -> None:
        """Put the allowed operations together as tools; calls nobody.

        Args:
            connector_id: What tools' names begin with.
            settings: The administrator's.
            contract: What the system can do.
            caller: Does it.
            check: The kind's own harmless operation, where the settings name none.

        Raises:
            ValueError: The settings name what the contract does not have.
        """
        self.id = connector_id
        self.settings = settings
        self.contract = contract
        self._caller = caller
        self._operations = {tool_name(connector_id, one.name): one for one in allowed(settings, contract)}
        by_operation = {operation.name: name for name, operation in self._operations.items()}
        verbs = {verb.operation: verb for verb in settings.verbs}
        for name in verbs.keys() - by_operation.keys():
            raise ValueError(f"verb {verbs[name].name!r}: {name!r} is not among the allowed operations")
        known = {operation.name for operation in contract.operations}
        if unknown := settings.policies.keys() - known:
            raise ValueError(f"policies: the contract has no operation {min(unknown)!r}")
        self._tools = {
            name: self._tool(name, operation, verbs.get(operation.name), by_operation)
            for name, operation in self._operations.items()
        }
        self._verbs = {by_operation[name]: verb for name, verb in verbs.items()}
        self._check = settings.check or check

    async def start(self) -> None:
        """Make ready; calls nobody."""
        await self._caller.start()

    async def close(self) -> None:
        """Let go of all that is open; calls in flight fail."""
        await self._caller.close()

    def tools(self) -> Sequence[Tool]:
        """Return one tool for each allowed operation."""
        return list(self._tools.values())

    def allows(self, tool: Tool, asker: Asker) -> bool:
        """Return whether a tool may be used for this asker."""
        access, policy = self.settings.access, self._policy(tool.name)
        if access.channels and asker.channel not in access.channels:
            return False
        wanted = [access.departments, policy.departments, access.write_departments if tool.acts else ()]
        if not all(_in_any(asker.department, departments) for departments in wanted if departments):
            return False
        needs_login = "login" in policy.asker.values() or (bool(access.header) and bool(access.logins))
        return not needs_login or bool(self._login(asker))

    def minds_departments(self) -> bool:
        """Return whether what may be done depends on the asker's department."""
        access = self.settings.access
        named = access.departments or access.write_departments
        return bool(named) or any(policy.departments for policy in self.settings.policies.values())

    def for_asker(self, tool: Tool, asker: Asker) -> Tool:
        """Return a tool as it is for this asker: with what is always theirs, and with what is kept from them."""
        if tool.acts and not self._may_write(asker):
            tool = replace(tool, approved_by="never", unattended=False, for_known_only=True)
        own = self._own(tool.name, asker)
        if not own:
            return tool
        fields = self._operations[tool.name].input_schema.get("properties", {})
        return replace(tool, bound=tuple(Bound(name, _title(fields, name), value) for name, value in own.items()))

    def preview(self, name: str, arguments: Mapping[str, Any]) -> Preview:
        """Return the request that a call would send, for an administrator; sends nothing.

        Raises:
            ArgumentsRefused: The arguments do not fit.
            ToolFailed: There is no such tool.
        """
        return self._caller.preview(self._operation(name), arguments)

    def fits(self, name: str, arguments: Mapping[str, Any], *, asker: Asker | None = None) -> None:
        """Raise if a tool could not be called so; nothing is sent.

        Raises:
            ToolFailed: Its arguments are wrong, or it is not for `asker`.
        """
        operation = self._operation(name)
        self._caller.preview(operation, self._for(name, arguments, asker))

    def announced(self) -> bool:
        """Return whether the system has said since the last time that it offers something else by now."""
        return isinstance(self._caller, Announces) and self._caller.announced()

    async def check(self) -> str:
        """Call something harmless, and return in a few words what came back.

        Raises:
            ToolFailed: The system is not there, or does not take our credentials.
        """
        operation = self._harmless()
        arguments = self.settings.check_arguments
        answer = await self._caller.call(operation, arguments)
        return "; ".join([f"{operation.method} {operation.path}: {_size(answer.data)}", *answer.notes])

    async def call(
        self, name: str, arguments: Mapping[str, Any], *, idempotency_key: str, asker: Asker | None = None
    ) -> ToolResult:
        """Call one operation once, for `asker`; `None`: for an administrator.

        Raises:
            NotForAsker: The one who asks may not have it called; nothing was sent.
            ToolRefused: The system says that there is no such thing, or says no.
            ArgumentsRefused: The arguments do not fit; nothing was sent.
            ToolUnsure: Of a tool that acts: nobody knows whether it has.
            ToolFailed: The system failed, did not answer in time, or answered with what cannot be used.
        """
        operation = self._operation(name)
        arguments = self._for(name, arguments, asker)
        answer = await self._caller.call(operation, arguments, idempotency_key=idempotency_key, asker=asker)
        return ToolResult(self._told(name, answer), f"{self.settings.name} {_shown(operation, arguments)}")

    def _for(self, name: str, arguments: Mapping[str, Any], asker: Asker | None) -> Mapping[str, Any]:
        """Return the arguments with those that are the asker's own.

        Raises:
            NotForAsker: The one who asks may not have it called.
        """
        if asker is None:
            return arguments
        tool = self._tools[name]
        if not self.allows(tool, asker) or (tool.acts and not self._may_write(asker)):
            raise NotForAsker(f"{name} is not for {asker.channel}/{asker.id}")
        return {**arguments, **self._own(name, asker)}

    def _told(self, name: str, answer: Answer) -> Any:
        verb = self._verbs.get(name)
        if verb is not None and isinstance(answer.data, Mapping):
            return worded(answer.data, verb.words)
        return answer.data

    def _operation(self, name: str) -> Operation:
        operation = self._operations.get(name)
        if operation is None:
            raise ToolFailed(f"{self.id} has no tool called {name!r}")
        return operation

    def _policy(self, name: str) -> PolicySettings:
        return self.settings.policies.get(self._operations[name].name, NO_POLICY)

    def _may_write(self, asker: Asker) -> bool:
        """Return whether something may be changed for this asker: nobody knows who an unknown one is."""
        known = asker.member or bool(asker.department) or bool(self._login(asker))
        return known or self.settings.access.writers == "anybody"

    def _login(self, asker: Asker) -> str:
        return self.settings.access.logins.get(f"{asker.channel}/{asker.id}", "")

    def _own(self, name: str, asker: Asker) -> dict[str, str]:
        """Return the arguments that are the asker's own."""
        values = {"id": asker.id, "name": asker.name, "department": asker.department, "login": self._login(asker)}
        return {argument: values[what] for argument, what in self._policy(name).asker.items()}

    def _tool(self, name: str, operation: Operation, verb: VerbSettings | None, names: Mapping[str, str]) -> Tool:
        policy = self.settings.policies.get(operation.name, NO_POLICY)
        risk: Risk = policy.risk or operation.risk
        if policy.unattended and (risk in ("money", "admin") or policy.approval in ("colleague", "never")):
            raise ValueError(f"policies.{operation.name}: what takes a colleague's word cannot be unattended")
        schema = _without(operation.input_schema, policy.asker)
        if verb is not None:
            _check_verb(verb, schema)
        return Tool(
            name=name,
            connector=self.id,
            description=operation.description,
            parameters=schema,
            risk=risk,
            verb=verb.verb() if verb is not None else None,
            idempotent=policy.idempotent or bool(self.settings.idempotency_header),
            unattended=policy.unattended,
            title=policy.title or operation.title,
            approved_by=policy.approval or self.settings.approval.of(risk),
            confirm=policy.confirm,
            read_back=_read_back(policy, names, self._acting()),
            masked=frozenset(self.settings.masked) | _secret(operation.input_schema),
        )

    def _acting(self) -> set[str]:
        """Return the operations that may change something, by the contract and by the settings."""
        risks = {
            one.name: self.settings.policies.get(one.name, NO_POLICY).risk or one.risk
            for one in self.contract.operations
        }
        return {name for name, risk in risks.items() if risk != "read"}

    def _harmless(self) -> Operation:
        if self._check:
            for operation in self.contract.operations:
                if operation.name == self._check:
                    return operation
            raise NoCheck(f"{self.id}: check names {self._check!r}, and the contract has no such operation")
        for name, operation in self._operations.items():
            if not self._tools[name].acts and not operation.input_schema.get("required"):
                return operation
        raise NoCheck(f"{self.id}: no allowed operation can be called without arguments")


def tool_name(connector_id: str, operation: str) -> str:
    """Return a tool's name: one that is too long for the models is cut, and told from others by a digest."""
    name = f"{connector_id}.{operation}"
    if len(name) <= MAX_NAME:
        return name
    return f"{name[: MAX_NAME - 9]}_{hashlib.sha256(operation.encode()).hexdigest()[:8]}"


def allowed(settings: ConnectorSettings, contract: Contract) -> list[Operation]:
    """Return the operations that the settings allow, in the contract's order.

    Raises:
        ValueError: The contract does not have what they name.
    """
    wanted = set(settings.operations)
    by_name = {operation.name: operation for operation in contract.operations}
    if unknown := wanted - by_name.keys() - {"*", "**"}:
        name = min(unknown)
        skipped = {one.operation: one.reason for one in contract.skipped}
        known = ", ".join(sorted(by_name)[:20])
        raise ValueError(
            f"operation {name!r}: {skipped.get(name, f'the contract has no such operation; it has {known}')}"
        )

    def taken(operation: Operation) -> bool:
        policy = settings.policies.get(operation.name, NO_POLICY)
        reads = (policy.risk or operation.risk) == "read"
        starred = "**" in wanted or ("*" in wanted and reads)
        return operation.name in wanted or (starred and not operation.internal)

    return [operation for operation in contract.operations if taken(operation)]


def _shown(operation: Operation, arguments: Mapping[str, Any]) -> str:
    """Return where a result came from, for its reader: without the query, which may hold anything."""
    path = operation.path.partition("?")[0]
    for parameter in operation.parameters:
        if parameter.place == "path":
            path = path.replace(f"{{{parameter.name}}}", str(arguments.get(parameter.argument, "")))
    return f"{operation.method} {path}"


def _in_any(department: str, departments: Sequence[str]) -> bool:
    return any(department == one or department.startswith(f"{one}/") for one in departments)


def _without(schema: Mapping[str, Any], arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a schema without the arguments that nobody is asked for."""
    if not arguments:
        return schema
    properties = schema.get("properties", {})
    if unknown := arguments.keys() - properties.keys():
        raise ValueError(f"asker: there is no argument {min(unknown)!r}")
    kept = {name: one for name, one in properties.items() if name not in arguments}
    required = [name for name in schema.get("required", ()) if name not in arguments]
    return {**schema, "properties": kept, "required": required}


def _title(fields: Mapping[str, Any], name: str) -> str:
    field = fields.get(name)
    return str(field.get("title") or name) if isinstance(field, Mapping) else name


def _secret(schema: Mapping[str, Any]) -> frozenset[str]:
    """Return the arguments whose values the contract itself calls secret."""
    fields = schema.get("properties", {}).items()
    return frozenset(
        name
        for name, field in fields
        if isinstance(field, Mapping) and (field.get("format") == "password" or field.get("writeOnly") is True)
    )


def _check_verb(verb: VerbSettings, schema: Mapping[str, Any]) -> None:
    slots = {slot.name for slot in verb.slots}
    if unknown := slots - schema.get("properties", {}).keys():
        raise ValueError(f"verb {verb.name!r}: {verb.operation!r} has no parameter {min(unknown)!r}")
    if unfilled := set(schema.get("required", ())) - slots:
        raise ValueError(f"verb {verb.name!r}: nothing fills the parameter {min(unfilled)!r}")


def _read_back(policy: PolicySettings, names: Mapping[str, str], acting: set[str]) -> ReadBack | None:
    back = policy.read_back
    if back is None:
        return None
    if back.operation not in names:
        raise ValueError(f"read_back: {back.operation!r} is not among the allowed operations")
    if back.operation in acting:
        raise ValueError(f"read_back: {back.operation!r} would change something itself")
    return ReadBack(names[back.operation], back.arguments, back.template, back.expects)


def _size(data: Any) -> str:
    match data:
        case list():
            return f"{len(data)} items"
        case Mapping():
            return f"{len(data)} fields"
        case None:
            return "an empty answer"
    return "an answer"
