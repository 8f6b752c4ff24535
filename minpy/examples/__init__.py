"""Programs that show minpy at work; run them with `python -m minpy.examples.NAME`."""
