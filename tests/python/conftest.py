from plugin_runs import results  # noqa: F401 - a fixture
