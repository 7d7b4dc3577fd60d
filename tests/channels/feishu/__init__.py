"""Tests of Feishu."""
