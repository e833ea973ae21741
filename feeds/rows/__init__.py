"""What the rows of the database hold, without the database: a worker process encodes them too."""
