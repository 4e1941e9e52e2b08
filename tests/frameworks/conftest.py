from collections import defaultdict


def pytest_ignore_collect(collection_path, config):
    """Import nothing here where `-m` does not ask for the group: its packages may not be installed."""
    asked = config.getoption("markexpr") or "False"
    with_group, without = (eval(asked, {}, defaultdict(bool, frameworks=chosen)) for chosen in (True, False))
    return True if collection_path.name.startswith("test_") and not (with_group and not without) else None
