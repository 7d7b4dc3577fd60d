"""Read a statement before any database does: one SELECT that changes nothing, and nothing besides.

This is the second line. The first is a role that may only read, the third the transaction that cannot write.
"""

import re
from collections.abc import Iterator

from sqlalchemy import text
from sqlglot import ErrorLevel, Expr, TokenType, exp, parse, tokenize
from sqlglot.errors import SqlglotError

from ai_worker.connectors.sql.functions import is_denied

MAX_NODES = 20_000
"""Of a statement's tree."""


class StatementRefused(ValueError):
    """A statement is not one that only reads; its words never hold the statement."""


_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_UNICODE_NAMES = re.compile(r"(?i)\bu&\s*[\"']")
_BEGINNINGS = (TokenType.SELECT, TokenType.WITH, TokenType.L_PAREN)
_NAMES = (TokenType.IDENTIFIER, TokenType.STRING, TokenType.NATIONAL_STRING)
_STARTS = frozenset(
    """
    ALTER BACKUP BEGIN BULK CHECKPOINT COMMIT CREATE DBCC DECLARE DELETE DENY DROP EXEC EXECUTE GRANT INSERT KILL MERGE
    RECONFIGURE RESTORE REVERT REVOKE ROLLBACK SAVE SET SHUTDOWN TRUNCATE UPDATE USE WAITFOR
    """.split()  # noqa: SIM905  (easier to read)
)
"""Words that end a statement of SQL Server's and begin the next: to our parser they look like an alias."""

_READS = (exp.Select, exp.SetOperation, exp.Subquery)
_WRITES: tuple[type[Expr], ...] = (
    exp.Insert,
    exp.Update,
    exp.Delete,
    exp.Merge,
    exp.Create,
    exp.Drop,
    exp.Alter,
    exp.TruncateTable,
    exp.Copy,
    exp.Command,
    exp.Set,
    exp.Pragma,
    exp.Use,
    exp.Execute,
    exp.Returning,
)


def parsed(sql: str, dialect: str) -> Expr:
    """Return the tree of a statement that only reads.

    Args:
        sql: The statement.
        dialect: As sqlglot calls it.

    Raises:
        StatementRefused: It is none, or more than one, or does more than read.
    """
    if _CONTROL.search(sql) or _UNICODE_NAMES.search(sql):
        raise StatementRefused("control characters and names in U&'…' are not read")
    try:
        _check_tokens(sql, dialect)
        trees = [tree for tree in parse(sql, read=dialect, error_level=ErrorLevel.IMMEDIATE) if tree is not None]
    except (SqlglotError, RecursionError) as error:
        raise StatementRefused(f"it cannot be read as SQL of {dialect}{_where(error)}") from None
    if len(trees) != 1 or not isinstance(trees[0], _READS):
        raise StatementRefused("exactly one SELECT is needed")
    for count, node in enumerate(trees[0].walk()):
        if count > MAX_NODES:
            raise StatementRefused("it is too long")
        _check_node(node)
    return trees[0]


def placeholders(tree: Expr) -> set[str]:
    """Return the names of a statement's parameters."""
    return {str(node.this or "") for node in tree.find_all(exp.Placeholder)}


def check_parameters(sql: str, tree: Expr, declared: set[str]) -> None:
    """Raise unless a statement takes exactly the declared parameters.

    Raises:
        StatementRefused: It does not.
    """
    used = placeholders(tree)
    if unknown := used - declared:
        raise StatementRefused(f"the parameter :{min(unknown)} is not among `parameters`")
    if unused := declared - used:
        raise StatementRefused(f"the parameter {min(unused)!r} is not in the statement")
    # What fills the statement in looks for names without reading SQL, also inside texts and comments.
    if extra := set(text(sql)._bindparams) - used:
        raise StatementRefused(f"“:{min(extra)}” stands in a text or comment; write a space or `\\\\:` there")


def _check_tokens(sql: str, dialect: str) -> None:
    tokens = tokenize(sql, read=dialect)
    while tokens and tokens[-1].token_type is TokenType.SEMICOLON:
        tokens.pop()
    if not tokens or tokens[0].token_type not in _BEGINNINGS:
        raise StatementRefused("it must begin with SELECT or WITH")
    for token in tokens:
        if token.token_type is TokenType.SEMICOLON:
            raise StatementRefused("there is more than one statement")
        if dialect == "tsql" and token.token_type not in _NAMES and token.text.upper() in _STARTS:
            raise StatementRefused(f"{token.text.upper()} begins another statement there, also without a semicolon")
        if token.token_type is TokenType.HINT:
            raise StatementRefused("hints could lift the limits and are not taken")
        if any(comment.lstrip().startswith(("!", "M!", "+")) for comment in token.comments):
            raise StatementRefused("a comment that some databases carry out")


def _check_node(node: Expr) -> None:
    match node:
        case exp.Into():
            raise StatementRefused("SELECT … INTO writes")
        case exp.Lock():
            raise StatementRefused("a locking clause (FOR UPDATE, FOR SHARE) is not a read")
        case exp.Hint() | exp.WithTableHint():
            raise StatementRefused("hints could lift the limits and are not taken")
        case exp.PropertyEQ() | exp.SessionParameter():
            raise StatementRefused("variables of the database are left alone")
        case exp.Column() if node.table and node.name.lower() == "nextval":
            raise StatementRefused(f"{node.name} after a dot does more than read")
        case exp.Func():
            for name in names_of(node):
                if is_denied(name):
                    raise StatementRefused(f"the function {name} does more than read")
    if isinstance(node, _WRITES):
        raise StatementRefused(f"{node.key.upper()} does more than read")


def names_of(function: exp.Func) -> Iterator[str]:
    """Yield the names of a function in small letters: its own, and those that stand before it with dots."""
    if isinstance(function, exp.Anonymous):
        yield str(function.name).strip('"`[]').lower()
    else:
        yield from (name.lower() for name in type(function).sql_names())
    part: Expr = function
    while isinstance(part.parent, exp.Dot) and part.parent.expression is part:
        yield from (name.name.lower() for name in part.parent.this.find_all(exp.Identifier))
        part = part.parent


def _where(error: Exception) -> str:
    places = getattr(error, "errors", None) or []
    return f" (line {places[0]['line']}, column {places[0]['col']})" if places and places[0].get("line") else ""
