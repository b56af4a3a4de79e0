"""Our systems handed to other tools, one file a tool."""
