"""Adapters that present our systems to other tools, one module for each tool."""
