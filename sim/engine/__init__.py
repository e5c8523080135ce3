"""What every machine stands on: parameters, discovery, lowering, energy and memory tables, compiled loops."""
