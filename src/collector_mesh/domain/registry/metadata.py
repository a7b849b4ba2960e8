"""What callers and registries tell each other beside requests and answers, in metadata."""

COLLECTOR_ID_KEY = "collector-id"
"""The key of the id of the collector that asks, if it is one."""

TAKES_KEY = "collector-takes"
"""The key of trailing metadata of ValidateMethod: the full name of the message that the method takes, where that is known."""

GIVES_KEY = "collector-gives"
"""The same for the message that it gives."""

MAX_TYPE_NAME = 1024
"""Longest name that is told so, in characters."""
