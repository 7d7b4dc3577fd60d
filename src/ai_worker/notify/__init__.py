"""Notify: messages to people and programs that are no channel: signed callbacks; later mail and SMS."""
