"""The pictures of a report, and the parts they are drawn with."""
