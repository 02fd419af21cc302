"""Requests to addresses that strangers name: to public ones only, whatever the name says or resolves to."""
