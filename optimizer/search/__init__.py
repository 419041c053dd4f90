"""Search algorithms behind one interface: ``interface`` is the contract, ``catalog`` has every algorithm by name."""
