"""The stages that ship with the harness, one file each."""
