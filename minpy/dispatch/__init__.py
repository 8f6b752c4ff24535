"""Which implementation serves a call: see `minpy.dispatch.policy`."""
