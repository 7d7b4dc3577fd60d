"""Directories over LDAP (RFC 4511): who somebody is, and who is in a group. Only reading is spoken at all."""
