"""Pages for people: HTML made on the server, for a browser that has signed in, in French and English."""
