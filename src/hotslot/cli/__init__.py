"""The command line: `main.py` is the app, and each group of commands has a file of its own."""
