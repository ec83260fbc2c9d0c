"""Damage to the spool's SQLite file."""
import sqlite3

PAGE = 4096


def run_sql(file, *statements):
    """Run statements on the file; return the rows of the last one."""
    db = sqlite3.connect(str(file))
    try:
        return [db.execute(statement).fetchall() for statement in statements][-1]
    finally:
        db.commit()
        db.close()


def checkpoint(file):
    """Bring all from the write-ahead log into the file."""
    run_sql(file, "PRAGMA wal_checkpoint(TRUNCATE)")


def overwrite(file, place, content=PAGE * b"\xff"):
    with open(str(file), "r+b") as opened:
        opened.seek(place)
        opened.write(content)


def damage(file, name):
    """Overwrite the page at which a table or an index begins."""
    checkpoint(file)
    (page,), = run_sql(file, f"SELECT rootpage FROM sqlite_master WHERE name = '{name}'")
    overwrite(file, (page - 1) * PAGE)
