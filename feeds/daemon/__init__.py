"""What runs until it is stopped: the tick, signals, supervision, the service manager, and a clean stop."""
