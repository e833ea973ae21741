"""What leaves the server by itself: the outbox is followed, and its events are handed to who delivers them."""
