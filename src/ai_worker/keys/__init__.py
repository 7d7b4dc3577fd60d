"""Keys: who may call the API, from where, until when."""
