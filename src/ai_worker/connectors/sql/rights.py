"""What the role that we use could do to a database, if our own checks failed: it should be able to read alone."""

import re
from dataclasses import dataclass

from sqlalchemy import Connection, text


@dataclass(frozen=True, slots=True)
class Rights:
    """Who we are to the database."""

    server: str
    role: str
    warnings: tuple[str, ...]
    """What the role can do besides reading; empty: nothing, as far as can be seen."""


_POSTGRES = """
SELECT current_user AS role, current_setting('server_version') AS version,
  (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) AS super,
  (SELECT rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls
     FROM pg_roles WHERE rolname = current_user) AS powers,
  (SELECT string_agg(rolname, ', ') FROM pg_roles
     WHERE rolname IN ('pg_read_server_files', 'pg_write_server_files', 'pg_execute_server_program',
                       'pg_write_all_data', 'pg_signal_backend')
       AND pg_has_role(current_user, oid, 'MEMBER')) AS roles,
  (SELECT string_agg(name, ', ') FROM (
     SELECT c.oid::regclass::text AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relkind IN ('r', 'p', 'v', 'f') AND n.nspname NOT IN ('pg_catalog', 'information_schema')
        AND n.nspname NOT LIKE 'pg\\_toast%' AND n.nspname NOT LIKE 'pg\\_temp%'
        AND has_table_privilege(c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE') ORDER BY 1 LIMIT 5) t) AS writable,
  (SELECT string_agg(nspname, ', ') FROM pg_namespace
     WHERE nspname NOT LIKE 'pg\\_%' AND has_schema_privilege(oid, 'CREATE')) AS schemas
"""
_MYSQL_WRITES = re.compile(
    r"\b(ALL PRIVILEGES|INSERT|UPDATE|DELETE|CREATE|DROP|ALTER|FILE|SUPER|EXECUTE|TRIGGER|EVENT|GRANT OPTION)\b"
)


def look(connection: Connection) -> Rights:
    """Return what our role may do."""
    match connection.dialect.name:
        case "postgresql":
            return _postgres(connection)
        case "mysql" | "mariadb":
            return _mysql(connection)
        case "sqlite":
            version = connection.exec_driver_sql("SELECT sqlite_version()").scalar_one()
            return Rights(f"SQLite {version}", "", ())
    name = connection.dialect.name
    return Rights(name, "", (f"what the role may do in {name} cannot be seen from here; make sure that it only reads",))


def _postgres(connection: Connection) -> Rights:
    found = connection.execute(text(_POSTGRES)).mappings().one()
    warnings = []
    if found["super"]:
        warnings.append("the role is a superuser; use one that may only SELECT")
    elif found["powers"]:
        warnings.append("the role may make roles or databases, replicate, or pass by row policies")
    if found["roles"] and not found["super"]:
        warnings.append(f"the role is a member of {found['roles']}")
    if found["writable"] and not found["super"]:
        warnings.append(f"the role can write: {found['writable']}; use one that may only SELECT")
    if found["schemas"] and not found["super"]:
        warnings.append(f"the role can make tables in {found['schemas']}")
    return Rights(f"PostgreSQL {found['version']}", found["role"], tuple(warnings))


def _mysql(connection: Connection) -> Rights:
    version, role = connection.exec_driver_sql("SELECT version(), current_user()").one()
    grants = " ".join(str(row[0]) for row in connection.exec_driver_sql("SHOW GRANTS"))
    powers = sorted(set(_MYSQL_WRITES.findall(grants.upper())))
    warning = f"the role may {', '.join(powers)}; use one that may only SELECT"
    return Rights(f"MySQL {version}", str(role), (warning,) if powers else ())
