"""Write what was made and measured into a result folder, one module for each part of the folder."""
