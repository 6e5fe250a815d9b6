"""A policy behind a websocket, in openpi's protocol."""
