"""HTTP/2: the session and what it is made of."""
