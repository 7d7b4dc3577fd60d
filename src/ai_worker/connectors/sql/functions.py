"""Functions of databases: those that do more than read, and those that certainly do not."""

import re

_DENIED = re.compile(
    r"""(?x)
    # PostgreSQL: sleeping, files, processes, locks, replication, large objects, other connections, settings.
    pg_sleep.* | pg_read_.* | pg_ls_.* | pg_stat_file | pg_file_.* | pg_(terminate|cancel)_backend | pg_reload_conf
    | pg_rotate_logfile.* | pg_(switch|create)_.* | pg_(start|stop)_backup | pg_backup_.* | pg_promote
    | pg_(try_)?advisory_.* | pg_logical_.* | pg_(wal_replay|replication)_.* | pg_drop_.* | pg_copy_.* | pg_notify
    | pg_export_snapshot | pg_log_.* | pg_import_.* | pg_stat_reset.* | pg_stat_clear.* | pg_extension_config_dump
    | lo_.* | loread | lowrite | dblink.* | set_config | setval | nextval | postgres_fdw_.* | pg_nextoid
    # PostgreSQL: SQL in a text that nobody has read.
    | (query|table|cursor|schema|database)_to_xml.* | ts_stat | ts_rewrite | crosstab.* | connectby | xpath_table
    | plpy.* | http(_.*)?
    # PostgreSQL: what its extensions do, and upkeep.
    | pg_stat_statements_reset | pg_buffercache_.* | pg_truncate_.* | heap_force_.* | gin_clean_.*
    | brin_(de)?summarize_.*
    | binary_upgrade_.* | query_export_to_s3 | table_import_from_s3 | cron | aws_lambda
    # MySQL.
    | sleep | benchmark | load_file | (get|release|is_free|is_used)_.*lock.* | release_all_locks | master_pos_wait
    | source_pos_wait | wait_for_executed_gtid_set | wait_until_.* | sys_(exec|eval|get|set) | lib_mysqludf.*
    | last_insert_id | service_(get|release)_.*lock.*
    # SQLite.
    | load_extension | readfile | writefile | edit | fts3_tokenizer | pragma_.* | lsdir | fsdir | zipfile.*
    # SQL Server.
    | xp_.* | sp_.* | openrowset | opendatasource | openquery | openxml | fn_(xe|trace|db|dump|get_audit)_?.*
    | next_value_for
    # Oracle.
    | dbms_.* | utl_.* | httpuritype | dburitype | sys_dburigen | owa_.* | ctx_.* | ctxsys | xmltransform
    """
)
"""By a part of the name, in small letters. In doubt a name is here: an administrator can put a view around it."""

HARMLESS = frozenset(
    """
    abs all and any avg case cast ceil ceiling coalesce concat concat_ws count current_date current_time
    current_timestamp date date_add date_diff date_format date_sub date_trunc datediff day day_of_month day_of_week
    dense_rank exists extract filter first_value floor greatest if ifnull instr lag last_value lead least left length ln
    log lower ltrim max min mod month not now ntile nullif or percent_rank power quarter rank replace right round
    row_number rtrim sign split_part sqrt stddev stddev_pop stddev_samp str_position strftime substring sum
    time_to_str timestamp_trunc to_char to_date trim trunc try_cast ts_or_ds_to_date upper variance variance_pop week
    xor year
    """.split()  # noqa: SIM905  (a hundred quoted words are harder to read)
)
"""What a free query may call."""


def is_denied(name: str) -> bool:
    """Return whether a function, or a package of functions, does more than read."""
    return _DENIED.fullmatch(name) is not None
