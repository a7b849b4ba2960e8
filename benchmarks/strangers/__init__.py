"""What strangers can do to a collector: bad input, abuse of HTTP/2 and links, and a soak with churn."""
