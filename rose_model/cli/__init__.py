"""The command ``rose``: one file a command."""
