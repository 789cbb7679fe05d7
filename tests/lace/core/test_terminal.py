"""Tables on the terminal are not cut."""

from rich.table import Table

from lace.core.terminal import print_whole


def test_a_table_that_is_wider_than_the_terminal_is_whole(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "40")
    table = Table("a heading that is long", "another one")
    table.add_row("my_module:my_policy_with_a_name", "87.5 [61.7, 98.4] of 16 trials")
    print_whole(table)
    said = capsys.readouterr().out
    assert "my_module:my_policy_with_a_name" in said and "87.5 [61.7, 98.4] of 16 trials" in said
