"""The console door, port 8080."""
