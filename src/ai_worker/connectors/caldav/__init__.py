"""Calendars over CalDAV (RFC 4791): who is free, which room is taken, and a booking that nobody else has."""
