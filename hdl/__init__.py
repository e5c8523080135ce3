"""The gateware: Amaranth components that elaborate the schedules of a plan."""
