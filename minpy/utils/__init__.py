"""Helpers for people who write models: see `gradient_checker`."""
