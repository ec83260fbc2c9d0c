"""The cached aliases."""
from types import SimpleNamespace

from chatops import matching
from chatops.aliases import find
from chatops.catalog import Catalog

READ_FORMAT = matching.read_format


def alias(name, *formats):
    return {"name": name, "pack": "ops", "ref": "ops." + name, "enabled": True,
            "formats": list(formats)}


def test_a_refresh_reads_all_formats_so_that_no_command_waits_for_it(monkeypatch):
    aliases = [alias("say", "ops say {{ words }}"), alias("odd", "ops ({{ x }}", "ops run {{ x }}")]
    catalog = Catalog(SimpleNamespace(aliases=lambda: aliases))
    catalog.refresh()
    read = []
    monkeypatch.setattr(matching, "read_format",
                        lambda text: read.append(text) or READ_FORMAT(text))
    assert find("ops say hello", catalog.listing()).executions == [{"words": "hello"}]
    assert set(read) <= {"ops ({{ x }}"}, "one that cannot be read is tried again"


def test_formats_stay_while_no_alias_changes():
    aliases = [alias("say", "ops say {{ words }}")]
    catalog = Catalog(SimpleNamespace(aliases=lambda: map(dict, aliases)))
    before = catalog.listing().formats
    assert catalog.listing(max_age=-1.0).formats is before
    aliases[0] = alias("say", "ops tell {{ words }}")
    changed, = catalog.listing(max_age=-1.0).formats
    assert changed.label == "ops tell {{ words }}"
