"""What a service does in; metrics, log lines and traces out."""
