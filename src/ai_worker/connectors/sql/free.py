"""A SELECT that a model wrote: only known words, only allowed tables, written anew from what was read.

What is sent is made from the tree that was checked, with every name in quotes and every table with its
schema, so that the database cannot read it otherwise than we did.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlglot import Expr, exp
from sqlglot.optimizer.normalize_identifiers import normalize_identifiers

from ai_worker.connectors.sql.functions import HARMLESS
from ai_worker.connectors.sql.statements import StatementRefused, names_of, parsed

MAX_CHARACTERS = 4_000
MAX_SELECTS = 12
"""Selects in selects: each could double what the one before gave."""

_KNOWN: tuple[type[Expr], ...] = (
    exp.Select, exp.From, exp.Join, exp.Where, exp.Group, exp.Having, exp.Order, exp.Ordered, exp.Limit, exp.Offset,
    exp.Distinct, exp.Union, exp.Intersect, exp.Except, exp.Subquery, exp.With, exp.CTE, exp.TableAlias, exp.Table,
    exp.Column, exp.Identifier, exp.Alias, exp.Star, exp.Paren, exp.Tuple, exp.Literal, exp.Boolean, exp.Null,
    exp.Interval, exp.Var, exp.DataType, exp.DataTypeParam, exp.Window, exp.WindowSpec, exp.Case, exp.If, exp.Cast,
    exp.And, exp.Or, exp.Not, exp.Neg, exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod, exp.DPipe, exp.EQ, exp.NEQ, exp.GT,
    exp.GTE, exp.LT, exp.LTE, exp.Is, exp.In, exp.Between, exp.Like, exp.ILike, exp.Escape, exp.Exists, exp.Any,
    exp.All, exp.Filter, exp.Fetch, exp.Func,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Allowed:
    """What a free query may read."""

    tables: Mapping[str, str]
    """By the names that it may use (`orders`, `public.orders`): the schema, and `""` where there is none."""

    hidden: frozenset[str]
    """Columns that nobody gets to see, in small letters."""

    columns: frozenset[str] | None = None
    """Of all tables; `None`: they are not known."""


def rewritten(sql: str, dialect: str, allowed: Allowed, *, max_rows: int) -> str:
    """Return the statement to send for one that a model wrote.

    Args:
        sql: As the model wrote it.
        dialect: As sqlglot calls it.
        allowed: What it may read.
        max_rows: The database is asked for no more.

    Raises:
        StatementRefused: It does more than read, or reads more than is allowed.
    """
    if len(sql) > MAX_CHARACTERS:
        raise StatementRefused(f"longer than {MAX_CHARACTERS} characters")
    tree = normalize_identifiers(parsed(sql, dialect), dialect=dialect)
    if not isinstance(tree, exp.Select | exp.SetOperation):
        raise StatementRefused("it must be a plain SELECT, without parentheses around it")
    for node in tree.walk():
        _check_word(node)
    if sum(1 for _ in tree.find_all(exp.Select)) > MAX_SELECTS:
        raise StatementRefused(f"more than {MAX_SELECTS} selects")
    _check_hidden(tree, allowed.hidden)
    _qualify(tree, allowed)
    if dialect == "postgres" and allowed.columns is not None:
        _check_columns(tree, allowed.columns)
    return _limited(tree, max_rows).sql(dialect, identify=True, comments=False)


def _check_word(node: Expr) -> None:
    if not isinstance(node, _KNOWN):
        raise StatementRefused(f"{node.key.upper()} is not taken in a free query")
    match node:
        case exp.Func():
            # A function that is called by two names is harmless by either of them.
            names = set(names_of(node))
            if not names & HARMLESS or isinstance(node.parent, exp.Dot):
                raise StatementRefused(f"the function {min(names)} is not taken in a free query")
        case exp.Literal() if node.is_string and "\\" in str(node.this):
            raise StatementRefused("a backslash in a text is not taken")
        case exp.Table() if not isinstance(node.this, exp.Identifier):
            raise StatementRefused("only tables can be read from")
        case exp.With() if node.args.get("recursive") or not _outermost(node):
            raise StatementRefused("WITH must stand at the beginning, and cannot be recursive")
        case exp.Join() if str(node.args.get("method") or "").upper() == "NATURAL":
            raise StatementRefused("NATURAL JOIN is not taken")


def _outermost(node: exp.With) -> bool:
    return node.parent is not None and node.parent.parent is None


def _check_hidden(tree: Expr, hidden: frozenset[str]) -> None:
    """Raise if a hidden column could come out, by its name, by its place or as part of a whole row."""
    if not hidden:
        return
    tables = {node.alias_or_name.lower() for node in tree.find_all(exp.Table, exp.Subquery)}
    for name in tree.find_all(exp.Identifier):
        if name.name.lower() in hidden:
            raise StatementRefused(f"the column {name.name!r} is hidden")
    for column in tree.find_all(exp.Column):
        if column.name.lower() in tables and not column.table:
            raise StatementRefused("a whole row as a value is not taken: some of its columns are hidden")
    for alias in tree.find_all(exp.TableAlias):
        # Of a table, new names would be given to its columns by their place: to the hidden ones, too.
        made = isinstance(alias.parent, exp.CTE) or isinstance(alias.parent and alias.parent.this, exp.Query)
        if alias.columns and not made:
            raise StatementRefused("new names for the columns of a table are not taken: some of them are hidden")
    for star in tree.find_all(exp.Star):
        if not isinstance(star.parent, exp.Count):
            raise StatementRefused("* is not taken: some columns are hidden; name the ones you need")


def _check_columns(tree: Expr, known: frozenset[str]) -> None:
    """Raise if what looks like a column is a call: PostgreSQL reads `o.to_jsonb` as `to_jsonb(o)`, the whole row.

    Of what a select gives it can be nothing but what was selected, so that only real tables are looked at.
    """
    real = {table.alias_or_name for table in tree.find_all(exp.Table) if table.db}
    for column in tree.find_all(exp.Column):
        if column.table in real and column.name not in known and not isinstance(column.this, exp.Star):
            raise StatementRefused(f"{column.table!r} has no column {column.name!r}")


def _qualify(tree: Expr, allowed: Allowed) -> None:
    """Give every table its schema.

    Raises:
        StatementRefused: It is not among the allowed ones.
    """
    top = tree.args.get("with_") or tree.args.get("with")
    visible: set[str] = set()
    inside: set[int] = set()
    for part in top.expressions if isinstance(top, exp.With) else ():
        # Within itself, and before it, the name still means a real table.
        _qualify_in(part.this.find_all(exp.Table), allowed, visible)
        inside |= {id(table) for table in part.find_all(exp.Table)}
        visible.add(part.alias)
    _qualify_in((one for one in tree.find_all(exp.Table) if id(one) not in inside), allowed, visible)


def _qualify_in(tables: Iterable[exp.Table], allowed: Allowed, visible: set[str]) -> None:
    for table in tables:
        if not table.db and not table.catalog and table.name in visible:
            continue
        written = f"{table.db}.{table.name}" if table.db else table.name
        schema = allowed.tables.get(written)
        if schema is None or table.catalog:
            raise StatementRefused(f"the table {written!r} is not among the allowed ones")
        if schema:
            table.set("db", exp.to_identifier(schema, quoted=True))


def _limited(tree: exp.Query, max_rows: int) -> exp.Query:
    limit = tree.args.get("limit")
    number = limit.args.get("expression") or limit.args.get("count") if limit is not None else None
    if number is not None and not (isinstance(number, exp.Literal) and str(number.this).isdigit()):
        raise StatementRefused("LIMIT takes a plain number")
    if number is not None and int(number.this) <= max_rows:
        return tree
    return tree.limit(max_rows, copy=False)
