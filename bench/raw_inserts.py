"""What it costs to insert the rows of a projection when they are ready: the followers' peer."""

import time
from itertools import pairwise

import psycopg
from psycopg import sql

from projections.projection import Projection


def insert_again(database_url: str, projection: Projection, transactions: int) -> float:
    """Insert the projection's rows into tables like its own; return the seconds it took.

    The tables have the same columns and indexes. Every transaction inserts an equal share of each
    table's rows with COPY.
    """
    schema = sql.Identifier(f"raw_{projection.name}")
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE SCHEMA {}").format(schema))
        connection.execute(sql.SQL("SET search_path = {}").format(schema))
        connection.execute("SET synchronous_commit = off")  # as followers have it
        connection.execute(projection.schema)
        shares = {
            table: _shares(_rows(connection, projection.name, table), transactions)
            for table in projection.tables
        }
        began = time.perf_counter()
        with connection.cursor() as cursor:
            for number in range(transactions):
                with connection.transaction():
                    for table, share in shares.items():
                        into = sql.SQL("COPY {} FROM STDIN").format(sql.Identifier(table))
                        with cursor.copy(into) as copy:
                            copy.write(share[number])
        return time.perf_counter() - began


def _rows(connection: psycopg.Connection, schema: str, table: str) -> list[bytes]:
    """Return the table's rows in the order they were written, in COPY's text form."""
    statement = sql.SQL("COPY (SELECT * FROM {} ORDER BY ctid) TO STDOUT")
    named = statement.format(sql.Identifier(schema, table))
    with connection.cursor() as cursor, cursor.copy(named) as copy:
        return [bytes(line) for line in copy]


def _shares(rows: list[bytes], count: int) -> list[bytes]:
    """Part the rows into so many pieces of about the same length, each ready to be sent."""
    ends = [len(rows) * number // count for number in range(count + 1)]
    return [b"".join(rows[begin:end]) for begin, end in pairwise(ends)]
