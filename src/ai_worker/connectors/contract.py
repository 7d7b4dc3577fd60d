"""What every kind of connector offers."""
