def pytest_ignore_collect(collection_path, config):
    """Import nothing here where the group is not asked for: its packages may not be installed."""
    asked = config.getoption("markexpr") == "frameworks"
    return True if collection_path.name.startswith("test_") and not asked else None
