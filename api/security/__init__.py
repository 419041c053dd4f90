"""Who may do what, and what a request may look like: every guard between the socket and a route."""
