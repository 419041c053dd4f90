"""The service: experiments over HTTP, closed by default."""
